import { EventEmitter } from 'eventemitter3';
import { messageOf } from './errors';
import { guardLogger, type Logger } from './logger';

/** Typed events to listen to. `M` maps an event's name to what its listeners receive. */
export interface Events<M extends object> {
  /** Adds a listener; the function that comes back removes it. A listener that throws is logged, never felt by others. */
  on<K extends keyof M>(name: K, listener: (event: M[K]) => void): () => void;
  /** Adds a listener for the next event of that name only. */
  once<K extends keyof M>(name: K, listener: (event: M[K]) => void): () => void;
  /** How many listen to an event. */
  listenerCount(name: keyof M): number;
}

/** The emitting side of {@link Events}. */
export interface EventSource<M extends object> extends Events<M> {
  /** Calls every listener in turn; whatever one throws is logged. */
  emit<K extends keyof M>(name: K, event: M[K]): void;
  /** Removes all listeners. */
  clear(): void;
}

/** Listeners by event name, as an option: attached before anything can happen. */
export type EventListeners<M extends object> = { readonly [K in keyof M]?: (event: M[K]) => void };

/** Makes an event source on eventemitter3 whose listeners cannot hurt the emitter. */
export function createEvents<M extends object>(logger: Logger, listeners?: EventListeners<M>): EventSource<M> {
  const emitter = new EventEmitter<string>();
  const log = guardLogger(logger);
  type Listener = (event: unknown) => void;
  const guarded =
    (name: string, listener: Listener): Listener =>
    (event) => {
      try {
        listener(event);
      } catch (error) {
        log.error({ event: name, error }, `A listener of "${name}" threw: ${messageOf(error)}`);
      }
    };
  const add = (method: 'on' | 'once', name: string, listener: Listener): (() => void) => {
    const wrapped = guarded(name, listener);
    emitter[method](name, wrapped);
    return () => void emitter.off(name, wrapped);
  };
  for (const [name, listener] of Object.entries(listeners ?? {})) {
    if (listener !== undefined) add('on', name, listener as Listener);
  }
  return {
    on: (name, listener) => add('on', name as string, listener as Listener),
    once: (name, listener) => add('once', name as string, listener as Listener),
    listenerCount: (name) => emitter.listenerCount(name as string),
    emit: (name, event) => void emitter.emit(name as string, event),
    clear: () => void emitter.removeAllListeners(),
  };
}
