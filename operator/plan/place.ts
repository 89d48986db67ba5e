/**
 * Places for members: what was observed, joined by member name. A place is a StatefulSet, its pod, its volume claim and whoever
 * answers there; each may be missing. Knows names and numbers; must not know what is to be done.
 */
import { memberNumber } from '../resources/names.ts';
import type { Answer, MemberAnswer, Observed, ObservedClaim, ObservedPod, ObservedStatefulSet } from './observed.ts';

export interface Place {
  /** `<cluster>-<number>`. */
  readonly name: string;
  readonly number: number;
  readonly statefulSet: ObservedStatefulSet | null;
  readonly pod: ObservedPod | null;
  readonly claim: ObservedClaim | null;
  readonly answer: Answer;
}

/** By name, in the order of numbers. */
export type Places = ReadonlyMap<string, Place>;

const NOT_ASKED: Answer = { kind: 'unreachable', reason: 'it was not asked' };

/** All places there is something of. Objects with names that are not of this cluster are left out. */
export function placesOf(observed: Observed): Places {
  const { statefulSets, pods, claims, answers, resource } = observed;
  const names = new Set([...statefulSets, ...pods, ...claims].map(({ member }) => member));
  const places = [...names].flatMap((name): Place[] => {
    const number = memberNumber(resource.name, name);
    if (number === null) return [];
    return [
      {
        name,
        number,
        statefulSet: statefulSets.find(({ member }) => member === name) ?? null,
        pod: pods.find(({ member }) => member === name) ?? null,
        claim: claims.find(({ member }) => member === name) ?? null,
        answer: answers.get(name) ?? NOT_ASKED,
      },
    ];
  });
  return new Map(places.sort((a, b) => a.number - b.number).map((place) => [place.name, place]));
}

/** What it says as a member of this cluster; null: it says nothing, waits, or belongs to another. */
export function answerIn(clusterId: string, place: Place): MemberAnswer | null {
  const { answer } = place;
  return answer.kind === 'member' && answer.clusterId === clusterId ? answer : null;
}

/** It has data of another cluster: hands off. */
export function isForeign(clusterId: string, place: Place): boolean {
  return place.answer.kind === 'member' && place.answer.clusterId !== clusterId;
}

/** Its pod, or what its next pod is made from, is not as the spec has it now. */
export function isOutdated(place: Place, templateHash: string): boolean {
  const { statefulSet, pod } = place;
  return (
    (statefulSet !== null && statefulSet.templateHash !== templateHash) ||
    (pod !== null && pod.templateHash !== templateHash)
  );
}

/** Its claim is being deleted, which Kubernetes does when no pod uses it any more: the volume goes with the pod. */
export function losesVolumeWithPod({ claim, pod }: Place): boolean {
  return claim?.deleting === true && pod !== null;
}

/** In one phrase, why nobody answers there; for messages. */
export function silence(place: Place | undefined): string {
  if (place === undefined) return 'there is nothing of it in Kubernetes';
  const { statefulSet, pod, claim, answer } = place;
  if (claim?.phase === 'Lost') return 'its volume is lost';
  if (pod === null) return statefulSet?.podTrouble ?? 'it has no pod';
  if (pod.deleting) return 'its pod is being deleted';
  if (pod.trouble !== null) return `its pod does not run: ${pod.trouble}`;
  if (pod.state === 'unscheduled') return 'no node takes its pod';
  if (pod.state === 'starting') return 'its pod is starting';
  if (answer.kind === 'unreachable') return `it does not answer: ${answer.reason}`;
  if (answer.kind === 'waiting') return 'it waits for a cluster, with an empty volume';
  return pod.state === 'ready' ? 'it is behind the leader, or knows another' : 'it is not ready';
}
