import { FairleadError } from '@fairlead/core';
import type { Durability } from '../store/run-store';

/** What an end, and a flush that asks for nothing else, waits for. */
export function usualDurability(durabilities: readonly Durability[]): Durability {
  return durabilities.includes('disk') ? 'disk' : (durabilities.at(-1) ?? 'os');
}

/** Checks that a store can promise a durability. @throws FairleadError `UNSUPPORTED` */
export function checkDurability(durability: Durability, durabilities: readonly Durability[]): void {
  if (durabilities.includes(durability)) return;
  const hint =
    durability === 'remote' ? ' Nothing leaves this machine: for that, track to a server or sync to one.' : '';
  throw new FairleadError('UNSUPPORTED', `This store cannot promise the durability "${String(durability)}".${hint}`, {
    details: { field: 'durability', expected: durabilities.join(', '), given: String(durability) },
  });
}
