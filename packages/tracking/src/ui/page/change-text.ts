import type { Gate } from '../../store/gate';
import type { RegistryChange } from '../../store/registry-store';

/** A gate in words. */
export function gateText(gate: Gate): string {
  if (gate.kind === 'evaluation') {
    const metrics = gate.metrics === undefined || gate.metrics.length === 0 ? '' : ` of ${gate.metrics.join(', ')}`;
    return `an evaluation${metrics}${gate.dataset === undefined ? '' : ` on ${gate.dataset}`}`;
  }
  if (gate.kind === 'approvals') {
    const of = gate.actors === undefined ? '' : ` of ${gate.actors.join(', ')}`;
    return `${gate.count} ${gate.count === 1 ? 'approval' : 'approvals'}${of} (${gate.gate ?? 'approval'})`;
  }
  const bounds = [
    gate.min === undefined ? '' : `at least ${gate.min}`,
    gate.max === undefined ? '' : `at most ${gate.max}`,
    gate.minChange === undefined ? '' : `change of at least ${gate.minChange}`,
    gate.maxChange === undefined ? '' : `change of at most ${gate.maxChange}`,
    gate.minRatio === undefined ? '' : `at least ${gate.minRatio} times the present one's`,
    gate.maxRatio === undefined ? '' : `at most ${gate.maxRatio} times the present one's`,
  ].filter((text) => text !== '');
  return `${gate.metric} ${bounds.join(', ')}${gate.dataset === undefined ? '' : ` on ${gate.dataset}`}`;
}

/** What a change did, in words. */
export function changeText(change: RegistryChange): string {
  switch (change.type) {
    case 'version':
      return `Version ${change.version.version} was registered`;
    case 'alias': {
      const how =
        change.rollback === true ? ', a rollback' : change.forced === true ? ', past a gate that refused' : '';
      if (change.to === null) return `@${change.alias} was deleted; it pointed to ${change.from ?? 'nothing'}`;
      const from = change.from === null ? 'was set to' : `moved from ${change.from} to`;
      return `@${change.alias} ${from} ${change.to}${how}`;
    }
    case 'gates':
      return change.gates.length === 0
        ? `The gates of @${change.alias} were removed`
        : `Gates of @${change.alias}: ${change.gates.map(gateText).join('; ')}`;
    case 'annotate': {
      if (change.evaluation !== undefined) return `Version ${change.version} was evaluated`;
      const parts = [
        change.tags === undefined ? '' : `tags ${Object.keys(change.tags).join(', ')}`,
        change.description === undefined ? '' : 'its description',
        change.card === undefined ? '' : 'its card',
      ].filter((text) => text !== '');
      return `Version ${change.version} was annotated: ${parts.join(', ')}`;
    }
    case 'approve':
      return `Version ${change.version} was ${change.approved ? 'approved' : 'refused'} (${change.gate})`;
    case 'delete':
      return `Version ${change.version} was deleted`;
    case 'deploy':
      return change.active
        ? `Version ${change.version} serves at ${change.target}`
        : `Version ${change.version} no longer serves at ${change.target}`;
  }
}
