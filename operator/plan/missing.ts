/**
 * What has to be there before anything else is done: a StatefulSet for every member of the configuration, and no change of
 * members under way.
 */
import { memberNumber } from '../resources/names.ts';
import type { Concern } from './concern.ts';
import { doStep, hold, wait } from './concern.ts';

/** Makes StatefulSets that are missing; that costs nobody anything. One that is being deleted is missed as soon as it is gone. */
export const makeMissing: Concern = ({ observed, places, view }) => {
  const members = [...view.voters, ...view.learners];
  for (const { name } of members) {
    if (memberNumber(observed.resource.name, name) === null) continue;
    if ((places.get(name)?.statefulSet ?? null) !== null) continue;
    const step = { kind: 'apply-stateful-set', member: name } as const;
    return doStep('Starting', step, 'CreatingMember', `creating the StatefulSet of ${name} again`);
  }
  const going = members.find(({ name }) => places.get(name)?.statefulSet?.deleting === true);
  return going === undefined
    ? null
    : wait('Starting', `the StatefulSet of ${going.name} is made again when it is gone`);
};

/** Waits until a change has come to its end, and lasts, which the leader sees to by itself. */
export const awaitJoint: Concern = ({ view }) =>
  view.changing ? hold('ChangingMembers', 'a change of members is under way') : null;
