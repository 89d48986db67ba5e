/**
 * What all machines and clients of a run share. Only shapes.
 */
import type { Scheduler } from '../scheduler.ts';
import type { Trace } from '../trace.ts';
import type { Ledger } from './ledger.ts';
import type { WholeMachine } from './machine.ts';
import type { WholeProfile } from './profile.ts';
import type { Wire } from './wire.ts';

export interface WholeWorld {
  readonly profile: WholeProfile;
  readonly scheduler: Scheduler;
  readonly trace: Trace;
  readonly wire: Wire;
  readonly ledger: Ledger;
  readonly machines: ReadonlyMap<number, WholeMachine>;
  /** A promise was broken: the run ends. */
  violated(error: unknown): void;
}

/** `host:port` of a machine, for members. */
export function addressOf(machine: number): string {
  return `machine-${machine}:1`;
}

/** The machine at an address. */
export function machineAt(world: WholeWorld, address: string): WholeMachine | null {
  const number = /^machine-(\d+):/.exec(address)?.[1];
  return number === undefined ? null : (world.machines.get(Number(number)) ?? null);
}
