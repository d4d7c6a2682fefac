import type { ServiceRequest, ServiceResponse } from './exchange';
import type { Call, Operation } from './host/call';
import type { ModelHost } from './host/model-host';
import type { PathParameters } from './routes';

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
   * @default the path's parameter `model`
   */
  readonly model?: (request: ServiceRequest, parameters: PathParameters) => string | undefined;
  /** @default the path's parameter `version` */
  readonly version?: (request: ServiceRequest, parameters: PathParameters) => string | undefined;
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
}
