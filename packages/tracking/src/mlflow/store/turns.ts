import { type CallOptions, FairleadError } from '@fairlead/core';
import type { MlflowClient } from '../client';
import type { Turn } from './outbox';
import { ownTags } from './own-tags';
import { type EndNote, toMlflowStatus } from './to-stored-run';

/** Does what is done already: of several attempts the last may be the second that arrives. */
async function unlessDone(change: Promise<void>, isDone: () => Promise<boolean>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (!FairleadError.isInstance(error, 'INVALID_ARGUMENT') || !(await isDone())) throw error;
  }
}

/** Changes how a run stands on the server. The tags that explain it come first, and all of it may be repeated. */
export async function takeTurn({ runs }: MlflowClient, serverId: string, turn: Turn, call: CallOptions): Promise<void> {
  const isDeleted = async (): Promise<boolean> => (await runs.get(serverId, call)).deleted;
  if (turn.type === 'resume') {
    await runs.logBatch(serverId, { tags: { [ownTags.leaseUntil]: String(turn.leaseUntil) } }, call);
    await runs.update(serverId, { status: 'RUNNING' }, call);
  } else if (turn.type === 'end') {
    const { status, error } = turn;
    const at = Math.floor(turn.at);
    const note: EndNote = { status, at, ...(error === undefined ? {} : { error }) };
    if (status === 'INTERRUPTED' || error !== undefined) {
      await runs.logBatch(serverId, { tags: { [ownTags.end]: fittingNote(note) } }, call);
    }
    await runs.update(serverId, { status: toMlflowStatus(status), endTime: at }, call);
  } else if (turn.deleted) {
    if (await isDeleted()) return;
    await runs.logBatch(serverId, { tags: { [ownTags.deletedAt]: String(turn.at) } }, call);
    await unlessDone(runs.delete(serverId, call), isDeleted);
  } else {
    await unlessDone(runs.restore(serverId, call), async () => !(await isDeleted()));
    await runs.deleteTag(serverId, ownTags.deletedAt, call).catch((error: unknown) => {
      // Somebody else deleted it, or an attempt before this one removed the tag.
      if (!FairleadError.isInstance(error, 'NOT_FOUND')) throw error;
    });
  }
}

/** The note as text; of a message that is too long for a tag, as much as fits. */
function fittingNote(note: EndNote): string {
  const text = JSON.stringify(note);
  if (text.length <= 8000 || note.error === undefined) return text;
  const message = `${note.error.message.slice(0, 1000)}…`;
  return JSON.stringify({ ...note, error: { ...note.error, message } });
}
