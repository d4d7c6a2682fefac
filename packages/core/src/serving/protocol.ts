import type { ServiceRequest, ServiceResponse } from './exchange';
import type { Call, Operation } from './host/call';
import type { ServedModel } from './host/catalog';
import type { ModelHost } from './host/model-host';
import type { ErrorBody } from './http-error';

/** Parameters of a path, decoded. */
export type PathParameters = Readonly<Record<string, string>>;

/** A method of HTTP that routes know; HEAD is answered as GET. */
export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS';

/** Answers the requests of one route, which the guard has let in. */
export type RouteHandler = (
  request: ServiceRequest,
  parameters: PathParameters,
  call: Call,
) => ServiceResponse | Promise<ServiceResponse>;

/** What a route is for. */
export interface RouteUse {
  readonly operation: Operation;
  /**
   * The model that a request means, known before its body is read.
   * @default the path's parameter `model`, else the one that `meant` tells
   */
  readonly model?: (request: ServiceRequest, parameters: PathParameters) => string | undefined;
  /** @default the path's parameter `version` */
  readonly version?: (request: ServiceRequest, parameters: PathParameters) => string | undefined;
  /**
   * The model that a path means which names none; undefined while that is not clear.
   * @default none
   */
  readonly meant?: () => string | undefined;
  /**
   * Writes the body of an error answer, whoever refuses: the guard, a limit, the model, or the service for a method that the path does not
   * take. JSON; it must not throw. @default `{error, code, field, expected, given}`
   */
  readonly errorBody?: (status: number, error: ErrorBody) => string;
  /**
   * Headers that go with every answer, refusals and failures included, as ids of a request do. It must not throw.
   * @default none
   */
  readonly headers?: (request: ServiceRequest) => Readonly<Record<string, string>>;
}

/** Where a protocol puts its routes. */
export interface ProtocolRoutes {
  /**
   * @param path below the service's `basePath`, with parameters as `:name`
   * @param use what it is for, by which the guard decides
   */
  add(method: Method, path: string, use: Operation | RouteUse, handler: RouteHandler): void;
}

/** What a protocol stands on. */
export interface ProtocolContext {
  readonly host: ModelHost;
  /** Path in front of every route, without a slash at its end; '' for none. */
  readonly basePath: string;
  /** Whether the server takes requests: it does not drain, and its models are ready. */
  isReady(): boolean;
  /** Whether the server takes requests, whatever its models say. */
  isOpen(): boolean;
  /** All that the service speaks. */
  readonly protocols: readonly ServingProtocol[];
  /** Every route that was added, in order; whole once the service is made. */
  readonly routes: readonly RouteEntry[];
}

/** A route as its documentation lists it. */
export interface RouteEntry {
  /** Name of the protocol whose it is. */
  readonly protocol: string;
  readonly method: Method;
  /** Below the service's `basePath`, with parameters as `:name`. */
  readonly path: string;
  readonly operation: Operation;
  /** The model that the path means, where it names none. */
  readonly meant?: () => string | undefined;
}

/** A schema of JSON Schema 2020-12, which OpenAPI 3.1 takes as it is. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A body in one media type. */
export interface BodyDescription {
  readonly schema: JsonSchema;
  /** A body that is taken as it stands; the documentation page offers it to be tried. */
  readonly example?: unknown;
}

/** Something that a route reads beside its path and its body. */
export interface ParameterDescription {
  readonly name: string;
  readonly in: 'query' | 'header';
  /** One line, without a full stop. */
  readonly description: string;
  /** @default text */
  readonly schema?: JsonSchema;
}

/** What a route takes and answers, for the documentation. */
export interface RouteDescription {
  /** One line, without a full stop. */
  readonly summary: string;
  /**
   * Below the service's `basePath`, with parameters as `{name}`, where it says more than the route's own: `/v1/models/{model}:predict`.
   * @default the route's path
   */
  readonly path?: string;
  /** @default none */
  readonly parameters?: readonly ParameterDescription[];
  /** Bodies that it takes, by media type. @default none */
  readonly request?: Readonly<Record<string, BodyDescription>>;
  /** Whether a request may come without a body. @default false */
  readonly isBodyOptional?: boolean;
  /** Bodies that it answers with status 200, by media type. @default one that is not described */
  readonly response?: Readonly<Record<string, BodyDescription>>;
  /** What headers of an answer with status 200 say, one line each, by lower-case name. @default none */
  readonly responseHeaders?: Readonly<Record<string, string>>;
  /** Whether it ever answers with status 200. @default true */
  readonly isAnswered?: boolean;
  /** What further statuses mean, or those that every route may have; by status. @default none */
  readonly errors?: Readonly<Record<string, ErrorDescription>>;
  /** The body of its errors. @default `{error, code, field, expected, given}` */
  readonly errorSchema?: JsonSchema;
}

/** What one route takes and answers; several where it stands for several paths. */
export type RouteDescriptions = RouteDescription | readonly RouteDescription[];

/** A status other than 200. */
export interface ErrorDescription {
  /** What it means, without a full stop. */
  readonly description: string;
  /** Bodies, by media type. @default the error in JSON */
  readonly response?: Readonly<Record<string, BodyDescription>>;
}

/**
 * What clients of a model server speak over HTTP. A factory makes one for the option `protocols` of `createHandler` and `serve`:
 * this is the only file that the author of another one reads.
 */
export interface ServingProtocol {
  /** Stands in traces, metrics and audits: `open-inference`. */
  readonly name: string;
  /** Adds its routes. Called once a service. */
  addRoutes(routes: ProtocolRoutes, context: ProtocolContext): void;
  /**
   * Describes one of its routes for `openApi()`; without it, or where it answers undefined, a route is listed by its path and what
   * it is for.
   *
   * @param model the model that the route asks: the one in its path, the one that the path means, or the only one that is served;
   * undefined where it may be any
   * @returns several, where one route stands for several paths; or a promise, where what describes is loaded when it is asked for
   */
  describe?(
    route: RouteEntry,
    model: ServedModel | undefined,
  ): RouteDescriptions | undefined | Promise<RouteDescriptions | undefined>;
}
