import type { ModelInfo } from '../../runner/runner';
import type { RequestObserver } from '../observer';
import type { Shadow } from './shadow';
import type { RolloutShadow } from './shadow-stats';

/** Which model an arm has. */
interface ArmOfShadow {
  readonly name: string;
  readonly runner: { readonly model: ModelInfo } | undefined;
}

/** The shadows among observers, under names that tell them apart. */
export function describeShadows(
  observers: readonly RequestObserver[],
  challengers: readonly ArmOfShadow[],
): readonly RolloutShadow[] {
  const taken = new Set<string>();
  return observers.filter(isShadow).map((shadow) => {
    const description = shadow.describe();
    const { model } = description;
    const arm = challengers.find(({ runner }) => runner?.model.digest === model.digest);
    const base = arm?.name ?? [model.name, model.version].filter(Boolean).join(' ');
    let name = base;
    for (let number = 2; taken.has(name); number++) name = `${base} (${number})`;
    taken.add(name);
    return { name, ...description, stats: shadow.stats() };
  });
}

function isShadow(observer: RequestObserver): observer is Shadow {
  const { shadowEvents, describe, stats } = observer as Partial<Shadow>;
  return shadowEvents !== undefined && typeof describe === 'function' && typeof stats === 'function';
}
