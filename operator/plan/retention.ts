/**
 * What becomes of volumes when the cluster is deleted. Each StatefulSet says it, and Kubernetes makes the claim follow: by `Delete` the StatefulSet
 * owns its claim. An upkeep, as it can be done whoever leads, serves or is being restarted: by when somebody deletes the cluster it is too late.
 *
 * Invariant: a StatefulSet that is about to be made anew around its pod owns no claim. What the garbage collector has not yet seen to be
 * owned it does not let go of, and deletes.
 */
import type { Upkeep } from './action.ts';
import type { Intent, Situation } from './concern.ts';
import { wait } from './concern.ts';
import type { ObservedResource, ObservedStatefulSet, Retention } from './observed.ts';
import type { Place } from './place.ts';

/** Its StatefulSet is to be made anew, as its claim template says less than the claim already asks for. */
export function isToBeRenewed({ statefulSet, claim }: Place, { storageBytes }: ObservedResource): boolean {
  return (
    claim !== null && claim.requestedBytes >= storageBytes && (statefulSet?.storageBytes ?? storageBytes) < storageBytes
  );
}

/** For every StatefulSet that has another one than it should. */
export function retentionUpkeep({ observed: { resource }, places }: Situation): Upkeep[] {
  return [...places.values()].flatMap((place): Upkeep[] => {
    const { name, statefulSet } = place;
    const whenDeleted = wantedOf(place, resource);
    if (!isThere(statefulSet) || statefulSet.whenDeleted === whenDeleted) return [];
    return [{ kind: 'set-retention', member: name, statefulSetUid: statefulSet.uid, whenDeleted }];
  });
}

/** Waits until StatefulSets say it, and claims follow. Null: so it is. */
export function awaitRetention({ observed: { resource }, places }: Situation): Intent | null {
  const late = [...places.values()].filter((place) => {
    const { statefulSet, claim } = place;
    if (!isThere(statefulSet)) return false;
    const whenDeleted = wantedOf(place, resource);
    if (statefulSet.whenDeleted !== whenDeleted) return true;
    if (claim === null || claim.deleting || claim.goesWithStatefulSet === null) return false;
    return claim.goesWithStatefulSet !== (whenDeleted === 'Delete');
  });
  if (late.length === 0) return null;
  const fate = resource.whenDeleted === 'Delete' ? 'go' : 'stay';
  const names = late.map(({ name }) => name).join(', ');
  return wait(
    'UpdatingRetention',
    `volumes are to ${fate} when the cluster is deleted, which is not so yet of ${names}`,
  );
}

function wantedOf(place: Place, resource: ObservedResource): Retention {
  return isToBeRenewed(place, resource) ? 'Retain' : resource.whenDeleted;
}

function isThere(statefulSet: ObservedStatefulSet | null): statefulSet is ObservedStatefulSet {
  return statefulSet !== null && !statefulSet.deleting;
}
