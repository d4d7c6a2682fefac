"""A model for MLServer that doubles what it gets."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Double(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, request: InferenceRequest) -> InferenceResponse:
        doubled = NumpyCodec.decode_input(request.inputs[0]) * 2
        outputs = [NumpyCodec.encode_output("y", doubled)]
        return InferenceResponse(model_name=self.name, model_version=self.version, id=request.id, outputs=outputs)
