/**
 * The conditions of the status. Available: appends are served. Progressing: the operator changes something, or waits to; its reason is what
 * people see first. Degraded: something is wrong. The time of a condition moves only when its status does.
 */
import type { ClusterCondition, CONDITION_TYPES } from '../api/cluster-status.ts';
import type { PlannedEvent } from './action.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Intent, Situation } from './concern.ts';
import type { Problem } from './problem.ts';

type ConditionType = (typeof CONDITION_TYPES)[number];
type Verdict = Pick<ClusterCondition, 'status' | 'reason' | 'message'>;

/** The API server takes no more. */
const LONGEST_MESSAGE = 32_768;

/** All conditions, in their fixed order. */
export function conditionsOf(
  situation: Situation,
  view: ClusterView | null,
  intent: Intent | null,
  problems: readonly Problem[],
): ClusterCondition[] {
  const { now, resource } = situation.observed;
  const verdicts: readonly (readonly [ConditionType, Verdict])[] = [
    ['Available', available(situation, view)],
    ['Progressing', progressing(situation, view, intent)],
    ['Degraded', degraded(view, problems)],
  ];
  return verdicts.map(([type, verdict]) => {
    const before = (resource.status.conditions ?? []).find((one) => one.type === type);
    const lastTransitionTime = before?.status === verdict.status ? before.lastTransitionTime : now;
    const message = verdict.message.slice(0, LONGEST_MESSAGE);
    return { type, ...verdict, message, lastTransitionTime, observedGeneration: resource.generation };
  });
}

function available({ places, observed }: Situation, view: ClusterView | null): Verdict {
  if (view !== null) {
    const { leader, voters } = view;
    if (leader.place?.pod?.state !== 'ready') {
      return { status: 'False', reason: 'LeaderNotReady', message: `${leader.name} leads, and its pod is not ready` };
    }
    const healthy = voters.filter((voter) => voter.healthy).length;
    const message = `${leader.name} leads; ${healthy} of ${voters.length} voters are healthy`;
    return { status: 'True', reason: 'LeaderServes', message };
  }
  if (observed.resource.status.clusterId === undefined) {
    return { status: 'False', reason: 'NotFounded', message: 'there is no cluster yet' };
  }
  if (observed.secretTrouble !== null) {
    return {
      status: 'Unknown',
      reason: 'MembersUnreachable',
      message: 'no member can be asked: a Secret cannot be read',
    };
  }
  const all = [...places.values()];
  if (all.some(({ pod }) => pod?.state === 'ready') && all.every(({ answer }) => answer.kind === 'unreachable')) {
    const message = 'pods are ready, and none answers the operator: is its traffic to them let through?';
    return { status: 'Unknown', reason: 'MembersUnreachable', message };
  }
  return { status: 'False', reason: 'NoLeader', message: 'no leader that a majority follows is known' };
}

function progressing({ observed }: Situation, view: ClusterView | null, intent: Intent | null): Verdict {
  if (observed.resource.paused) {
    const message = `changes are paused by the annotation graveyar.dev/paused${intent === null ? '' : `; to do: ${intent.message}`}`;
    return { status: 'False', reason: 'Paused', message };
  }
  if (intent !== null) return { status: 'True', reason: intent.work, message: intent.message };
  const voters = view?.voters.length ?? 0;
  return {
    status: 'False',
    reason: 'Settled',
    message: `${voters} of ${observed.resource.replicas} voters, all as the spec says`,
  };
}

function degraded(view: ClusterView | null, problems: readonly Problem[]): Verdict {
  const worst = problems[0];
  if (worst === undefined) {
    // Without a leader something is wrong with every cluster but one that is still to be founded.
    if (view === null) {
      return {
        status: 'False',
        reason: 'NotFounded',
        message: 'the cluster is still to be founded, and nothing is known to be wrong',
      };
    }
    return { status: 'False', reason: 'Healthy', message: 'every member is healthy' };
  }
  return { status: 'True', reason: worst.reason, message: problems.map(({ message }) => message).join(' | ') };
}

/** Tells people when Available or Degraded changes. */
export function transitionEvents(
  before: readonly ClusterCondition[] | undefined,
  after: readonly ClusterCondition[],
): PlannedEvent[] {
  return after.flatMap(({ type, status, reason, message }): PlannedEvent[] => {
    if (type === 'Progressing') return [];
    const was = (before ?? []).find((one) => one.type === type);
    if (type === 'Degraded') {
      if (status === 'True' && was?.reason !== reason) return [{ type: 'Warning', reason, message }];
      return was?.status === 'True' && status === 'False' ? [{ type: 'Normal', reason, message }] : [];
    }
    if (was?.status === status || (was === undefined && status !== 'True')) return [];
    return [{ type: status === 'True' ? 'Normal' : 'Warning', reason, message }];
  });
}
