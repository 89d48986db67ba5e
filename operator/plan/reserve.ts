/**
 * Which places are kept ready for members that are still to be added. Not what is done with them.
 */
import type { LedSituation } from './concern.ts';
import type { Place } from './place.ts';
import { isForeign } from './place.ts';

/**
 * Places kept ready for members still to be added, by number: no more than are needed, none that the configuration knows, none
 * that is going or has another cluster's data.
 */
export function reservePlaces({ observed, places, view }: LedSituation): Place[] {
  const configured = new Set([...view.voters, ...view.learners].map(({ name }) => name));
  const coming = view.learners.filter(({ name }) => !view.voters.some((voter) => voter.name === name)).length;
  const needed = Math.max(0, observed.resource.replicas - view.voters.length - coming);
  return [...places.values()]
    .filter(({ name, statefulSet }) => !configured.has(name) && statefulSet !== null && !statefulSet.deleting)
    .filter((place) => !isForeign(view.clusterId, place))
    .slice(0, needed);
}
