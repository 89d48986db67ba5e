/**
 * The plan: what is to be done now for a cluster that is observed so. Pure and deterministic; nothing is remembered from one plan to the
 * next, so the operator may be ended between any two actions, and another one goes on.
 *
 * Concerns are asked in an order: what is missing is made, what is broken is mended, lost volumes are let go, the learner there is is finished;
 * only then members are taken out, replaced and added; leftovers go, healthy members are updated, volumes grow. The first that has a
 * step to do makes the plan.
 */
import type { Plan, PlannedEvent } from './action.ts';
import type { ClusterView } from './cluster-view.ts';
import type { Concern, Intent, LedSituation, Situation } from './concern.ts';
import { transitionEvents } from './conditions.ts';
import { begin } from './founding.ts';
import { withoutLeader } from './leaderless.ts';
import { finishLearner } from './learner.ts';
import { cleanUp } from './leftovers.ts';
import { letVolumesGo, replaceLost } from './lost-volume.ts';
import { awaitJoint, makeMissing } from './missing.ts';
import type { Observed } from './observed.ts';
import { placesOf } from './place.ts';
import { problemsOf } from './problem.ts';
import { mend, rollOn } from './rolling-update.ts';
import type { Rules } from './rules.ts';
import { RULES } from './rules.ts';
import { scaleDown } from './scale-down.ts';
import { scaleUp } from './scale-up.ts';
import { statusOf } from './status.ts';
import { awaitUpkeep, upkeepOf } from './upkeep.ts';
import { growVolumes } from './volume-growth.ts';

/** In the order in which they are asked. */
const CONCERNS: readonly Concern[] = [
  makeMissing,
  awaitJoint,
  mend,
  letVolumesGo,
  finishLearner,
  scaleDown,
  replaceLost,
  scaleUp,
  cleanUp,
  rollOn,
  growVolumes,
];

/** Members tell of themselves only when they are asked: this often while something is going on, and when nothing is. */
const BUSY_MILLIS = 2_000;
const SETTLED_MILLIS = 15_000;

/** What is to be done now. `rules` are replaced in tests only. */
export function plan(observed: Observed, rules: Rules = RULES): Plan {
  const situation: Situation = { observed, places: placesOf(observed), rules };
  const { resource } = observed;
  if (resource.deleting) return nothing(observed);
  const clusterId = resource.status.clusterId ?? null;
  const view = clusterId === null ? null : rules.viewCluster(clusterId, situation.places);
  const { intent, decided } = decide(situation, clusterId, view);
  const held = resource.paused;
  const upkeep = held ? [] : upkeepOf(situation, clusterId, view);
  const problems = problemsOf(situation, clusterId, view, { intent, upkeep });
  const status = statusOf(situation, view, intent, problems, held ? null : decided);
  const events = eventsOf(situation, status.conditions ?? [], intent);
  const settled = intent === null && problems.length === 0;
  return {
    status,
    upkeep,
    step: held ? null : (intent?.step ?? null),
    events,
    requeueAfterMillis: settled || held ? SETTLED_MILLIS : BUSY_MILLIS,
  };
}

type Decision = Pick<ReturnType<typeof begin>, 'decided'> & { readonly intent: Intent | null };

function decide(situation: Situation, clusterId: string | null, view: ClusterView | null): Decision {
  if (clusterId === null) return begin(situation);
  if (view === null) return { intent: withoutLeader(situation, clusterId), decided: null };
  return { intent: firstIntent({ ...situation, view }) ?? awaitUpkeep(situation), decided: null };
}

/** The first intent with a step that nothing before holds back; else the first that waits. */
function firstIntent(situation: LedSituation): Intent | null {
  let waiting: Intent | null = null;
  for (const concern of CONCERNS) {
    const intent = concern(situation);
    if (intent === null) continue;
    if (intent.step !== null) return intent;
    waiting ??= intent;
    if (intent.holds) return waiting;
  }
  return waiting;
}

function eventsOf(
  { observed }: Situation,
  conditions: NonNullable<Plan['status']['conditions']>,
  intent: Intent | null,
): PlannedEvent[] {
  if (observed.resource.paused) return [];
  const own = intent?.event ?? null;
  return [...transitionEvents(observed.resource.status.conditions, conditions), ...(own === null ? [] : [own])];
}

/** What the cluster has goes with it, by owner references; nothing is made again meanwhile. */
function nothing({ resource }: Observed): Plan {
  return { status: resource.status, upkeep: [], step: null, events: [], requeueAfterMillis: SETTLED_MILLIS };
}
