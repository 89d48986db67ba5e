/**
 * The configuration of a cluster as it is kept with the state: which members there are, in which part (as the core says) and where
 * (as we say). Knows its bytes; must not know how it changes the core.
 *
 * Format: JSON, as it is small, rare and read by people who look for what went wrong; a version comes first. Decoding is strict.
 */
import { z } from 'zod';
import type { ConfState } from '../raft/messages.ts';
import { EMPTY_CONF_STATE } from '../raft/messages.ts';
import { corruption } from '../storage/corruption.ts';
import type { LogFields } from '../telemetry/logger.ts';
import type { MemberInfo } from './member.ts';

export interface Configuration {
  /** Null: this process belongs to no cluster yet. */
  readonly clusterId: string | null;
  readonly confState: ConfState;
  /** Exactly those who are in `confState` and have been described, by id. */
  readonly members: readonly MemberInfo[];
}

/** Of a process that belongs to no cluster. */
export const NO_CONFIGURATION: Configuration = { clusterId: null, confState: EMPTY_CONF_STATE, members: [] };

/** What a snapshot's message says beside index, term and conf state. */
export interface SnapshotFacts {
  readonly clusterId: string;
  readonly members: readonly MemberInfo[];
  /** Count of events as of the snapshot's index. */
  readonly nextPosition: number;
}

const VERSION = 1;
const ID = z.int().positive();
const IDS = z.array(ID);
const ADDRESS = z.string().max(1024);
const MEMBER = z.strictObject({
  id: ID,
  name: z.string().min(1).max(63),
  peerAddress: ADDRESS,
  clientAddress: ADDRESS,
});
const MEMBERS = z.array(MEMBER).max(1000);
const CONF_STATE = z.strictObject({
  voters: IDS,
  learners: IDS,
  votersOutgoing: IDS,
  learnersNext: IDS,
  autoLeave: z.boolean(),
});
const CONFIGURATION = z.strictObject({
  version: z.literal(VERSION),
  clusterId: z.string().min(1),
  confState: CONF_STATE,
  members: MEMBERS,
});
const FACTS = z.strictObject({
  version: z.literal(VERSION),
  clusterId: z.string().min(1),
  members: MEMBERS,
  nextPosition: z.int().nonnegative(),
});

/** The bytes kept with the state. It must have a cluster. */
export function encodeConfiguration({ clusterId, confState, members }: Configuration): Uint8Array {
  return encode({ version: VERSION, clusterId, confState, members });
}

/** Throws STORAGE_CORRUPT. */
export function decodeConfiguration(bytes: Uint8Array): Configuration {
  const { clusterId, confState, members } = decode(CONFIGURATION, bytes, 'configuration');
  return { clusterId, confState, members };
}

/** The data of a snapshot's message. */
export function encodeSnapshotFacts({ clusterId, members, nextPosition }: SnapshotFacts): Uint8Array {
  return encode({ version: VERSION, clusterId, members, nextPosition });
}

/** Throws STORAGE_CORRUPT. */
export function decodeSnapshotFacts(bytes: Uint8Array): SnapshotFacts {
  const { clusterId, members, nextPosition } = decode(FACTS, bytes, 'description of a snapshot');
  return { clusterId, members, nextPosition };
}

/** The context of a configuration change: the members that it adds or describes anew. */
export function encodeMembers(members: readonly MemberInfo[]): Uint8Array {
  return encode(members);
}

/** None when the bytes are no such context, on every replica alike. */
export function decodeMembers(bytes: Uint8Array): readonly MemberInfo[] {
  if (bytes.length === 0) return [];
  try {
    return decode(MEMBERS, bytes, 'context');
  } catch {
    return [];
  }
}

/** Everybody in the configuration, in any part. */
export function memberIds(confState: ConfState): ReadonlySet<number> {
  const { voters, learners, votersOutgoing, learnersNext } = confState;
  return new Set([...voters, ...learners, ...votersOutgoing, ...learnersNext]);
}

/** The configuration after a change that led to `confState` and described `described`. */
export function changeConfiguration(
  { clusterId, members }: Configuration,
  confState: ConfState,
  described: readonly MemberInfo[],
): Configuration {
  const byId = new Map([...members, ...described].map((member) => [member.id, member]));
  const ids = [...memberIds(confState)].sort((a, b) => a - b);
  return { clusterId, confState, members: ids.flatMap((id) => byId.get(id) ?? []) };
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function decode<T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
  } catch (error) {
    throw corruption(what, error instanceof Error ? error.message : String(error));
  }
}

/** As a line of the log shows it. */
export function configurationFields({ confState, members }: Configuration): LogFields {
  return {
    voters: confState.voters,
    learners: confState.learners,
    outgoing: confState.votersOutgoing,
    members: members.map(({ id, name }) => `${name}=${id}`),
  };
}
