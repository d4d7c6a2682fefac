import type { InputsOf, ModelRunner, RunResult } from '@fairlead/core';
import { type DependencyList, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { createModelStore } from '../store/create-model-store';
import type { ModelStore } from '../store/model-store';
import type { ModelStoreOptions, OpenStoreOptions, StoreDefinition } from '../store/options';
import { idleSnapshot, type ModelSnapshot } from '../store/snapshot';

/** What {@link useModel} answers: what there is to show, and what can be done. */
export interface ModelState<Input = InputsOf, Output = RunResult>
  extends ModelSnapshot<Output>,
    Pick<ModelStore<Input, Output>, 'run' | 'retry'> {}

/**
 * A model in a component: what it is, how far it is, what it answered, what went wrong.
 *
 * Give it a store, made once outside of components and shared by all that show it; or a function that makes options, for a
 * model of this component alone, with what the function reads in `deps`. When one of those changes, another model is
 * loaded; the one before answers until then, and its answers stay until there are new ones.
 *
 * The model is loaded when a component that uses it is mounted, and closed in the turn after the last one was unmounted
 * (`closeDelayMs`), so StrictMode's double mount loads it once. On a server it is `idle`, and nothing is loaded.
 * `run` and `retry` stay the same functions; the object is the same for as long as nothing has changed.
 *
 * @throws FairleadError `INVALID_OPTION`, while rendering; what goes wrong with the model is `error` and `runError`
 */
export function useModel<Input, Output>(store: ModelStore<Input, Output>): ModelState<Input, Output>;
export function useModel<Input, Output>(
  makeOptions: () => ModelStoreOptions & { readonly definition: StoreDefinition<Input, Output> },
  deps: DependencyList,
): ModelState<Input, Output>;
export function useModel<R extends ModelRunner>(
  makeOptions: () => OpenStoreOptions<R>,
  deps: DependencyList,
): ModelState<Parameters<R['run']>[0], Awaited<ReturnType<R['run']>>>;
export function useModel(makeOptions: () => ModelStoreOptions, deps: DependencyList): ModelState;
export function useModel(
  source: ModelStore<unknown, unknown> | (() => ModelStoreOptions),
  deps: DependencyList = [],
): ModelState<unknown, unknown> {
  const store = useStore(source, deps);
  const snapshot = useSyncExternalStore(store.subscribe, store.getSnapshot, idleOnServer);
  return useMemo(() => ({ ...snapshot, run: store.run, retry: store.retry }), [snapshot, store]);
}

const idleOnServer = (): ModelSnapshot<unknown> => idleSnapshot;

/** The store that was given, or one that this component keeps and tells of changed options. */
function useStore(
  source: ModelStore<unknown, unknown> | (() => ModelStoreOptions),
  deps: DependencyList,
): ModelStore<unknown, unknown> {
  const makeOptions = typeof source === 'function' ? source : undefined;
  // A render that is thrown away leaves nothing behind, since a store loads nothing before it has a subscriber.
  const [own] = useState(() => ({
    store: makeOptions === undefined ? undefined : makeStore(makeOptions),
    deps,
  }));
  useEffect(() => {
    if (makeOptions === undefined || isSame(own.deps, deps)) return;
    own.deps = deps;
    own.store?.change(makeOptions());
  });
  if (makeOptions === undefined) return source as ModelStore<unknown, unknown>;
  own.store ??= makeStore(makeOptions);
  return own.store;
}

function makeStore(makeOptions: () => ModelStoreOptions): ModelStore<unknown, unknown> {
  return createModelStore(makeOptions()) as ModelStore<unknown, unknown>;
}

function isSame(one: DependencyList, other: DependencyList): boolean {
  return one.length === other.length && one.every((value, index) => Object.is(value, other[index]));
}
