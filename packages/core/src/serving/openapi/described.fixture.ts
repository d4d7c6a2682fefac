import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import type { Logger } from '../../logger';
import { createRunner } from '../../runner/create-runner';
import type { ModelRunner } from '../../runner/runner';
import type { ModelSignature } from '../../signature';
import { allocateData } from '../../tensor/dtype';
import { elementCount, type Tensor, type Tensors } from '../../tensor/tensor';
import { createMockBackend, mockModel } from '../../testing/index';
import type { Handler } from '../index';

/* Whether a service does what its document says: sends what is described, and holds the answers against what is described. */

const validator = new Validator();
const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

interface Content {
  readonly schema: { readonly $ref?: string; readonly contentSchema?: object };
  readonly example?: unknown;
}

interface Answer {
  readonly description: string;
  readonly content?: Readonly<Record<string, Content>>;
}

export interface DescribedOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security?: readonly object[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly schema: { readonly enum?: readonly string[] };
  }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, Answer>>;
}

export interface DescribedService {
  readonly openapi: string;
  readonly servers: readonly { readonly url: string }[];
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedOperation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly securitySchemes?: Readonly<Record<string, object>>;
  };
}

/** Reads the document, which has to be a valid one of OpenAPI 3.1, and whose ids have to be unique. */
export async function readDocument(handle: Handler, base = ''): Promise<DescribedService> {
  const response = await handle(new Request(`http://test${base}/openapi.json`));
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/json');
  const document = (await response.json()) as DescribedService;
  const { valid, errors } = await validator.validate(structuredClone(document) as never);
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
  const ids = operationsOf(document).map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  return document;
}

/** Every operation with its method and path. */
export function operationsOf({ paths }: DescribedService) {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
}

/** A runner whose outputs are zeros of the shapes that its signature tells. */
export async function zeroRunner(signature: ModelSignature): Promise<ModelRunner> {
  const compute = (inputs: Tensors): Tensors =>
    Object.fromEntries(signature.outputs.map((spec) => [spec.name, zeroTensor(signature, inputs, spec)]));
  const backend = createMockBackend({ signature, compute });
  return createRunner({ model: mockModel('1'), backend, warmUp: false, logger: silent });
}

function zeroTensor(
  signature: ModelSignature,
  inputs: Tensors,
  { dtype, shape }: ModelSignature['outputs'][number],
): Tensor {
  const sizeOf = (name: string): number => {
    for (const spec of signature.inputs) {
      const axis = spec.shape.indexOf(name);
      if (axis !== -1) return inputs[spec.name]?.shape[axis] as number;
    }
    return 1;
  };
  const sizes = shape.map((size) => (typeof size === 'number' ? size : sizeOf(size)));
  return { dtype, shape: sizes, data: allocateData(dtype, elementCount(sizes)) } as Tensor;
}

const ajv = new Ajv2020({ strict: false, allErrors: true });

/** What of a body is not as it is described. */
function faultsOf({ components }: DescribedService, { schema }: Content, text: string, type: string): unknown[] {
  const [, name] = /^#\/components\/schemas\/(\w+)$/.exec(schema.$ref ?? '') ?? [];
  const whole = name === undefined ? schema : (components.schemas[name] as object);
  if (schema.contentSchema === undefined) return check(whole, type === 'application/json' ? JSON.parse(text) : text);
  const lines = text.split('\n').filter((line) => line !== '');
  return [...check(whole, text), ...lines.flatMap((line) => check(schema.contentSchema as object, JSON.parse(line)))];
}

function check(schema: object, value: unknown): unknown[] {
  const validate = ajv.compile(schema);
  return validate(value) ? [] : (validate.errors ?? ['invalid']);
}

/** A path whose parameters have values that are served: the first model, its version, a label. */
function filled(path: string, { parameters = [] }: DescribedOperation): string {
  const values: Readonly<Record<string, string>> = { version: '1', label: 'stable', endpoint: 'any' };
  return path.replace(/\{(\w+)\}/g, (_found, name: string) => {
    const [first] = parameters.find((each) => each.name === name && each.in === 'path')?.schema.enum ?? [];
    return encodeURIComponent(first ?? values[name] ?? 'unknown');
  });
}

async function faultsOfAnswer(
  document: DescribedService,
  operation: DescribedOperation,
  response: Response,
): Promise<readonly unknown[]> {
  const described = operation.responses[String(response.status)];
  const text = await response.text();
  if (described === undefined) return [`${response.status} is not described: ${text.slice(0, 300)}`];
  const type = (response.headers.get('content-type') ?? '').split(';')[0] as string;
  const content = described.content?.[type];
  if (described.content === undefined) return [];
  if (content === undefined) return [`${response.status}: ${type} is not described`];
  return faultsOf(document, content, text, type).map((fault) => ({ fault, text: text.slice(0, 300) }));
}

/**
 * Sends every example of every operation, and asks all that need no body.
 *
 * @returns what was asked and answered 200, in words, and what was not as described
 */
export async function tryAll(handle: Handler, document: DescribedService, base = '') {
  const answered: string[] = [];
  const faults: unknown[] = [];
  for (const { method, path, operation } of operationsOf(document)) {
    const url = `http://test${base}${filled(path, operation)}`;
    const examples = Object.entries(operation.requestBody?.content ?? {}).filter(
      ([, { example }]) => example !== undefined,
    );
    for (const [type, content] of examples) {
      const isJson = type === 'application/json';
      const body = isJson ? JSON.stringify(content.example) : (content.example as string);
      const what = `${method} ${path} ${type}`;
      for (const fault of faultsOf(document, content, body, type))
        faults.push({ what, example: body.slice(0, 300), fault });
      const response = await handle(new Request(url, { method, headers: { 'content-type': type }, body }));
      if (response.status === 200) answered.push(what);
      else faults.push({ what, status: response.status });
      for (const fault of await faultsOfAnswer(document, operation, response)) faults.push({ what, fault });
    }
    if (method !== 'GET') continue;
    const response = await handle(new Request(url));
    if (response.status === 200) answered.push(`${method} ${path}`);
    for (const fault of await faultsOfAnswer(document, operation, response))
      faults.push({ what: `GET ${path}`, fault });
  }
  return { answered, faults };
}

/** Sends what no operation takes. @returns what was not refused as described */
export async function refuseAll(handle: Handler, document: DescribedService, base = ''): Promise<readonly unknown[]> {
  const faults: unknown[] = [];
  for (const { method, path, operation } of operationsOf(document)) {
    if (operation.requestBody === undefined) continue;
    for (const type of Object.keys(operation.requestBody.content).filter((each) => /json|csv/.test(each))) {
      const init = { method, headers: { 'content-type': type }, body: '{"nonsense": [1, "x"]' };
      const response = await handle(new Request(`http://test${base}${filled(path, operation)}`, init));
      const what = `${method} ${path} ${type}`;
      // A stream of rows tells of each that is wrong in its place.
      if (response.status === 200 && !type.includes('ndjson')) faults.push({ what, status: 200 });
      for (const fault of await faultsOfAnswer(document, operation, response)) faults.push({ what, fault });
    }
  }
  return faults;
}
