/**
 * A cluster without a confirmed leader: nothing is done to members or volumes, but what was to be there is made again, who waits to found
 * the cluster is asked to, and what does not run is given the template that the spec has now.
 */
import { memberNumber } from '../resources/names.ts';
import type { Intent, Situation } from './concern.ts';
import { doStep, wait } from './concern.ts';
import type { MemberAnswer } from './observed.ts';
import type { Place } from './place.ts';
import { answerIn, isOutdated, silence } from './place.ts';
import { isDown, renew } from './rolling-update.ts';
import { wasFounded } from './rules.ts';

/** What to do while the cluster of this id has no confirmed leader. */
export function withoutLeader(situation: Situation, clusterId: string): Intent {
  const { observed, places, rules } = situation;
  const founder = rules.mayFound(observed.resource, places);
  if (founder?.answer.kind === 'waiting') {
    const { memberId } = founder.answer;
    const step = { kind: 'found', member: founder.name, clusterId, memberId } as const;
    return doStep('Founding', step, 'FoundingCluster', `${founder.name} (${memberId}) founds cluster ${clusterId}`);
  }
  const volumes = [...places.values()].filter(({ claim }) => claim !== null).map(({ name }) => name);
  const names = [...memberNames(situation, clusterId), ...volumes];
  const missing = names.find((name) => (places.get(name)?.statefulSet ?? null) === null);
  if (missing !== undefined) {
    const step = { kind: 'apply-stateful-set', member: missing } as const;
    return doStep('Starting', step, 'CreatingMember', `creating the StatefulSet of ${missing} again`);
  }
  return mendWithoutLeader(situation) ?? wait('Starting', `no leader is known: ${silences(places.values())}`);
}

/** Who belongs to the cluster, as far as can be told: by whoever knows most of it, by the status, or its founder. */
function memberNames({ observed, places }: Situation, clusterId: string): string[] {
  const { name: cluster, status } = observed.resource;
  const answers = [...places.values()].flatMap((place) => answerIn(clusterId, place) ?? []);
  const newest = answers.reduce<MemberAnswer | null>(
    (best, one) => (best === null || one.appliedIndex > best.appliedIndex ? one : best),
    null,
  );
  const listed = (status.members ?? []).filter(({ role }) => role !== 'waiting').map(({ name }) => name);
  const founder = status.founder === undefined ? [] : [status.founder.name];
  const names = newest?.members.map(({ name }) => name) ?? (listed.length > 0 ? listed : founder);
  return names.filter((name) => memberNumber(cluster, name) !== null);
}

/**
 * Updates a member that does not run: without a leader it has nothing to lose, and perhaps there is none because of the template that
 * it has. One that runs is left alone, as the others may need it, whether it answers or not; only the one and only member, or one before
 * there is a cluster, is restarted when it neither is ready nor answers, unless it could not be asked.
 */
export function mendWithoutLeader(situation: Situation): Intent | null {
  const { templateHash, resource, secretTrouble } = situation.observed;
  const kept = [...situation.places.values()].some(({ claim }) => claim?.kept === true);
  const alone = situation.places.size === 1 || (!kept && !wasFounded(resource.status.members));
  for (const place of situation.places.values()) {
    if (!isOutdated(place, templateHash)) continue;
    const mute = secretTrouble === null && place.answer.kind === 'unreachable' && place.pod?.state === 'running';
    if (!isDown(place) && !(alone && mute)) continue;
    const intent = renew(situation, place);
    if (intent !== null) return intent;
  }
  return null;
}

function silences(places: Iterable<Place>): string {
  const all = [...places].map((place) => `${place.name}: ${silence(place)}`);
  return all.length === 0 ? 'there are no members' : all.join('; ');
}
