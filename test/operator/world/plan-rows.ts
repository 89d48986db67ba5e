// Scenes and the step that is planned in each, as rows of a table.
import { expect, it } from 'vitest';
import type { Plan } from '../../../operator/plan/action.ts';
import { plan } from '../../../operator/plan/plan.ts';
import type { Scene, SceneMember } from './scene.ts';
import { observedScene } from './scene.ts';

export const planned = (scene: Scene): Plan => plan(observedScene(scene));

/** The step in short: its kind and member. */
export function stepOf(scene: Scene): string {
  const { step } = planned(scene);
  return step === null ? 'nothing' : `${step.kind} ${step.member}`;
}

export const member = (number: number, more: Partial<SceneMember> = {}): SceneMember => ({ number, ...more });
export const three = [member(1), member(2), member(3)];
export const silent = { answers: 'silent', pod: { state: 'failing', trouble: 'CrashLoopBackOff' } } as const;

/** Each row: what is the case, the scene, the step. */
type Row = readonly [string, Scene, string];
export const hold = (rows: readonly Row[]): void => {
  it.each(rows)('%s', (_, scene, step) => {
    expect(stepOf(scene)).toBe(step);
  });
};
