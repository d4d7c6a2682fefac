import { messageOf } from '../errors';
import type { EventSource } from '../events';
import type { HandControls } from './by-hand';
import type { RolloutSettings } from './options';
import type { ApprovalRequest, RolloutEventMap } from './result';

/** Asks for a person's approval, and does what `onApproval` answers. */
export function askForApproval(
  request: ApprovalRequest,
  { name, logger, onApproval }: Pick<RolloutSettings, 'name' | 'logger' | 'onApproval'>,
  events: EventSource<RolloutEventMap>,
  controls: Pick<HandControls, 'approve' | 'rollback'>,
): void {
  if (events.listenerCount('approval-request') === 0 && onApproval === undefined) {
    logger.warn({ rollout: name }, `${name} waits for approve(): ${request.reason}`);
  }
  events.emit('approval-request', request);
  if (onApproval === undefined) return;
  const ask = async (): Promise<void> => {
    const granted = await onApproval(request);
    if (granted === true) await controls.approve({ actor: 'onApproval', reason: 'Approved.' });
    else await controls.rollback({ actor: 'onApproval', reason: 'Not approved.' });
  };
  void ask().catch((error: unknown) => {
    logger.error({ error }, `${name}: onApproval failed, so it goes on waiting for approve(): ${messageOf(error)}`);
  });
}
