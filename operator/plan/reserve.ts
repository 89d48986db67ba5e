/**
 * How many voters are wanted now, and which places are kept ready for members that are still to be added. Not what is done about it.
 */
import type { LedSituation } from './concern.ts';
import type { Place } from './place.ts';
import { isForeign, losesVolumeWithPod } from './place.ts';

/**
 * What the spec says; one more while the only voter's volume is being deleted, so that another one has the data before that volume goes
 * with its pod. Scaling down then takes the one whose volume goes.
 */
export function votersWanted({ observed, view }: LedSituation): number {
  const { replicas } = observed.resource;
  const only = view.voters.length === 1 ? view.voters[0]?.place : undefined;
  return only !== undefined && losesVolumeWithPod(only) ? Math.max(replicas, 2) : replicas;
}

/**
 * Places kept ready for members still to be added, by number: no more than are needed, none that the configuration knows, none
 * that is going or has another cluster's data.
 */
export function reservePlaces(situation: LedSituation): Place[] {
  const { places, view } = situation;
  const configured = new Set([...view.voters, ...view.learners].map(({ name }) => name));
  const coming = view.learners.filter(({ name }) => !view.voters.some((voter) => voter.name === name)).length;
  const needed = Math.max(0, votersWanted(situation) - view.voters.length - coming);
  return [...places.values()]
    .filter(({ name, statefulSet }) => !configured.has(name) && statefulSet !== null && !statefulSet.deleting)
    .filter((place) => !isForeign(view.clusterId, place))
    .slice(0, needed);
}
