// A life of a simulated cluster under its operator: rounds in which something happens, the operator looks, plans and does one thing, or fails at
// it before or after; then a calm in which it has to bring everything to what the spec says.
import type { Plan } from '../../../operator/plan/action.ts';
import type { Observed } from '../../../operator/plan/observed.ts';
import { plan } from '../../../operator/plan/plan.ts';
import type { Rules } from '../../../operator/plan/rules.ts';
import { RULES } from '../../../operator/plan/rules.ts';
import { carryOut, carryOutUpkeep, writeStatus } from './carry-out.ts';
import { tick } from './controllers.ts';
import type { Disturbance } from './disturbance.ts';
import { disturb, endDisturbances } from './disturbance.ts';
import type { Truth } from './laws.ts';
import { checkStep, truthOf } from './laws.ts';
import type { ApiObjects, World, WorldClaim } from './objects.ts';
import { copyObjects, observe } from './observation.ts';
import { Refused } from './store.ts';

/** How a round of the operator goes wrong: not at all; it ends before its step, or before its upkeep; after its step without having heard. */
export const MISHAPS = ['none', 'before-status', 'before-upkeep', 'before-step', 'after-step', 'late'] as const;

export interface Round {
  readonly what: Disturbance;
  readonly pick: number;
  readonly mishap: (typeof MISHAPS)[number];
  /** Bits: which members do not answer. */
  readonly deaf: number;
  /** How many states back each kind of object is seen (resource, StatefulSets, pods, claims); all 0: fresh. */
  readonly stale: readonly [number, number, number, number];
}

interface Look {
  readonly observed: Observed;
  readonly planned: Plan;
  readonly truth: Truth;
  readonly fresh: boolean;
}

/** More rounds than any cluster needs to come to rest. */
const CALM_ROUNDS = 400;
/** States of objects that may still be seen. */
const REMEMBERED = 4;

export class Life {
  readonly world: World;
  readonly #rules: Rules;
  readonly #remembers: boolean;
  /** States of the API server's objects, the newest first; none when all is seen as it is. */
  readonly #past: ApiObjects[] = [];
  #late: Look | null = null;

  constructor(world: World, { rules = RULES, remembers = false }: { rules?: Rules; remembers?: boolean } = {}) {
    this.world = world;
    this.#rules = rules;
    this.#remembers = remembers;
  }

  /** One round of everything. */
  round({ what, pick, mishap, deaf, stale }: Round): void {
    const { world } = this;
    tick(world);
    if (this.#remembers) this.#past.unshift(copyObjects(world));
    this.#past.length = Math.min(this.#past.length, REMEMBERED);
    const look = this.#look(stale, deaf);
    disturb(world, what, pick);
    // An operator that was replaced, and does not know it yet, does what it had planned before.
    if (this.#late !== null) this.#act(this.#late, 'none');
    this.#late = null;
    if (mishap === 'late') this.#late = look;
    else this.#act(look, mishap);
  }

  /** Ends all disturbances and lets the operator work; answers how many rounds it took to come to rest, or null. */
  calm(): number | null {
    const { world } = this;
    this.#late = null;
    endDisturbances(world);
    let restful = 0;
    for (let round = 1; round <= CALM_ROUNDS; round++) {
      tick(world);
      this.#past.length = 0;
      const look = this.#look([0, 0, 0, 0], 0);
      this.#act(look, 'none');
      restful =
        look.planned.step === null && look.planned.upkeep.length === 0 && unrest(world).length === 0 ? restful + 1 : 0;
      if (restful >= 5) return round;
    }
    return null;
  }

  #look(stale: Round['stale'], deaf: number): Look {
    const { world } = this;
    const at = (back: number): ApiObjects => this.#past[Math.min(back, this.#past.length - 1)] ?? world.api;
    const [resource, statefulSets, pods, claims] = stale.map(at) as [ApiObjects, ApiObjects, ApiObjects, ApiObjects];
    const silent = new Set([...world.api.pods.keys()].filter((_, index) => ((deaf >> index) & 1) === 1));
    const observed = observe(world, { resource, statefulSets, pods, claims }, silent);
    const fresh = stale.every((back) => back === 0);
    return { observed, planned: plan(observed, this.#rules), truth: truthOf(world), fresh };
  }

  #act({ observed, planned, truth, fresh }: Look, mishap: Round['mishap']): void {
    const { world } = this;
    if (mishap === 'before-status') return;
    try {
      const { resourceVersion } = observed.resource as unknown as { resourceVersion: number };
      writeStatus(world, resourceVersion, planned.status);
      if (mishap === 'before-upkeep') return;
      for (const action of planned.upkeep) carryOutUpkeep(world, action);
      if (mishap === 'before-step' || planned.step === null) return;
      const why = planned.status.conditions?.find(({ type }) => type === 'Progressing')?.message ?? '';
      world.history.push(
        `${planned.step.kind} ${planned.step.member}: ${why}${mishap === 'none' ? '' : `, ${mishap}`}`,
      );
      checkStep(world, planned.step, observed, truth, fresh);
      carryOut(world, planned.step, observed);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      world.history.push(`refused: ${error.message}`);
    }
  }
}

/** What is not yet as the spec says; empty when all is. */
export function unrest(world: World): string[] {
  const { resource, statefulSets, pods, claims } = world.api;
  const { status } = resource;
  const store = world.store();
  const found: string[] = [];
  const expect = (holds: boolean, what: string): void => {
    if (!holds) found.push(what);
  };
  const voters = store?.configuration.voters ?? [];
  expect(voters.length === resource.replicas, `${voters.length} voters instead of ${resource.replicas}`);
  expect(store?.configuration.learners.length === 0, 'there is a learner');
  expect(
    voters.every(({ id }) => store?.isHealthy(id) === true),
    'a voter is not healthy',
  );
  const names = voters.map(({ name }) => name).sort();
  // A kept volume that nobody looks at: what is on it is not known, so it stays.
  const isLeftAlone = ({ member, kept }: WorldClaim): boolean =>
    kept && !statefulSets.has(member) && !pods.has(member) && !names.includes(member);
  for (const [kind, keys] of [
    ['StatefulSets', statefulSets.keys()],
    ['pods', pods.keys()],
    ['claims', [...claims.values()].filter((claim) => !isLeftAlone(claim)).map(({ member }) => member)],
  ] as const) {
    const there = [...keys].sort();
    expect(there.join() === names.join(), `${kind} ${there.join(' ')} instead of ${names.join(' ')}`);
  }
  for (const pod of pods.values()) {
    expect(pod.state === 'ready' && pod.leavingIn === null, `pod ${pod.member} is ${pod.state}`);
    expect(pod.templateHash === resource.templateHash, `pod ${pod.member} is outdated`);
    const id = world.volumeOf(pod.member)?.id;
    expect(pod.memberId === id && statefulSets.get(pod.member)?.memberId === id, `${pod.member} is labelled wrongly`);
    expect(pod.leaderLabel === (store?.leader === id), `the leader label of ${pod.member} is wrong`);
  }
  for (const { templateHash, storageBytes, whenDeleted, member } of statefulSets.values()) {
    expect(whenDeleted === resource.whenDeleted, `StatefulSet ${member} has ${whenDeleted}`);
    expect(templateHash === resource.templateHash, `StatefulSet ${member} is outdated`);
    expect(storageBytes >= resource.storageBytes, `StatefulSet ${member} has the old size`);
  }
  for (const claim of claims.values()) {
    const { member, capacityBytes, deleting, lost, goesWithStatefulSet } = claim;
    if (isLeftAlone(claim)) continue;
    expect(!deleting && !lost && capacityBytes >= resource.storageBytes, `claim ${member} is not well`);
    expect(goesWithStatefulSet === (resource.whenDeleted === 'Delete'), `claim ${member} has another fate`);
  }
  const settled = (type: string): string | undefined => status.conditions?.find((one) => one.type === type)?.status;
  expect(settled('Available') === 'True', 'not Available');
  expect(settled('Progressing') === 'False', 'still Progressing');
  expect(settled('Degraded') === 'False', 'still Degraded');
  expect(status.replicas === resource.replicas && status.readyReplicas === resource.replicas, 'status counts wrongly');
  return found;
}
