import type { Tensors } from '../tensor/tensor';
import { invalidInput, type ReusableView, type RowView, viewRowsInto } from './rows';
import type { FeatureLayout, InputLayout } from './sketches/feature-layout';

/**
 * Sees inputs as rows, one view for each input of a reference.
 *
 * @param views one for each input of the layout, overwritten and returned
 * @throws FairleadError `INVALID_INPUT` when an input is missing, or has another dtype, width or number of rows
 */
export function viewInputs(
  layout: FeatureLayout,
  views: readonly ReusableView[],
  inputs: Tensors,
  batchAxis: number,
): readonly RowView[] {
  for (let i = 0; i < views.length; i++) {
    const { name, dtype, width } = layout.inputs[i] as InputLayout;
    const view = views[i] as ReusableView;
    const tensor = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
    if (tensor === undefined) {
      throw invalidInput(name, 'a tensor of this input, which the reference describes', Object.keys(inputs).join(', '));
    }
    viewRowsInto(view, tensor, name, batchAxis);
    if (tensor.dtype !== dtype) throw invalidInput(`${name}.dtype`, `${dtype}, as the reference has`, tensor.dtype);
    if (view.width !== width) throw invalidInput(name, `${width} values a row, as the reference has`, `${view.width}`);
    const rows = views[0]?.rows ?? view.rows;
    if (view.rows !== rows) throw invalidInput(name, `${rows} rows, as the other inputs have`, `${view.rows}`);
  }
  return views;
}
