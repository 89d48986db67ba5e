/** Nodes and messages in the form of the public data, for comparison. */
import { ConfChangeTransition } from '../../../src/raft/conf-change.ts';
import { decodeConfChange } from '../../../src/raft/conf-change-codec.ts';
import {
  type ConfState,
  type Entry,
  EntryType,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  messageTypeName,
  NONE,
  type Snapshot,
} from '../../../src/raft/messages.ts';
import { StateType } from '../../../src/raft/ready.ts';
import { ProgressState } from '../../../src/raft/status.ts';
import { formatSteps } from './interaction-env.ts';
import type { InteractionNode } from './interaction-node.ts';

/** A JSON value; the data are compared as such. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export interface JsonObject {
  [key: string]: Json;
}

const ROLES: readonly string[] = ['StateFollower', 'StateCandidate', 'StateLeader', 'StatePreCandidate'];
const PROGRESS_STATES: readonly string[] = ['StateProbe', 'StateReplicate', 'StateSnapshot'];
const TRANSITIONS: readonly string[] = [
  'ConfChangeTransitionAuto',
  'ConfChangeTransitionJointImplicit',
  'ConfChangeTransitionJointExplicit',
];

/** The data number the local storages from the top of the unsigned 64-bit integers. */
const TARGETS: ReadonlyMap<number, number> = new Map([
  [LOCAL_APPEND_THREAD, 2 ** 64],
  [LOCAL_APPLY_THREAD, 2 ** 64],
]);

function idList(ids: readonly number[]): Json {
  return ids.length === 0 ? null : [...ids];
}

function renderConf(conf: ConfState): JsonObject {
  return {
    v: idList(conf.voters),
    vo: idList(conf.votersOutgoing),
    l: idList(conf.learners),
    ln: idList(conf.learnersNext),
    al: conf.autoLeave,
  };
}

function renderEntry(entry: Entry): JsonObject {
  const place = { i: entry.index, t: entry.term };
  if (entry.type === EntryType.Normal) return { ...place, k: 'EntryNormal', d: new TextDecoder().decode(entry.data) };
  const change = decodeConfChange(entry);
  const cc = formatSteps(change?.changes ?? []);
  if (entry.type === EntryType.ConfChange) return { ...place, k: 'EntryConfChange', cc };
  const tr = TRANSITIONS[change?.transition ?? ConfChangeTransition.Auto] ?? '?';
  return { ...place, k: 'EntryConfChangeV2', cc, tr };
}

function renderSnapshot(snapshot: Snapshot): JsonObject {
  return { i: snapshot.index, t: snapshot.term, cs: renderConf(snapshot.confState) };
}

/** A message in flight. */
export function renderMessage(message: Message): JsonObject {
  return {
    type: messageTypeName(message.type),
    from: TARGETS.get(message.from) ?? message.from,
    to: message.to,
    term: message.term,
    logTerm: message.logTerm,
    index: message.index,
    commit: message.commit,
    ...(message.entries.length === 0 ? {} : { ents: message.entries.map(renderEntry) }),
    ...(message.reject ? { reject: true, hint: message.rejectHint } : {}),
    ...(message.snapshot === null ? {} : { snap: renderSnapshot(message.snapshot) }),
  };
}

/** State of a node without its progress. */
export function renderNode(node: InteractionNode): JsonObject {
  const status = node.raft.status();
  const { state } = node;
  return {
    id: status.id,
    role: ROLES[status.state] ?? '?',
    term: status.hardState.term,
    vote: status.hardState.vote,
    lead: status.leader,
    commit: status.hardState.commit,
    applied: status.applied,
    first: status.firstIndex,
    last: status.lastIndex,
    lastTerm: status.lastTerm,
    log: node.log().map(renderEntry),
    conf: renderConf(status.confState),
    sm: new TextDecoder().decode(state.data),
    smIndex: state.index,
    ...(status.leadTransferee === NONE ? {} : { transferee: status.leadTransferee }),
  };
}

/** A leader's view of its peers; null for other roles. */
export function renderProgress(node: InteractionNode): JsonObject | null {
  const status = node.raft.status();
  if (status.state !== StateType.Leader) return null;
  const progress: JsonObject = {};
  for (const peer of status.progress) {
    progress[String(peer.id)] = {
      match: peer.match,
      next: peer.next,
      state: PROGRESS_STATES[peer.state] ?? '?',
      paused: peer.paused,
      inflight: peer.inflight,
      pendingSnapshot: peer.state === ProgressState.Snapshot ? peer.pendingSnapshot : 0,
      active: peer.recentActive,
      learner: peer.isLearner,
    };
  }
  return progress;
}
