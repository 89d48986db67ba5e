/** Running a program: a list of commands with, here and there, what the world must look like after them. */
import type { Command } from './command.ts';
import { compareWorld, type ExpectedWorld, type Level, LEVELS } from './compare.ts';
import { InteractionEnv, scriptElectionTimeout } from './interaction-env.ts';
import { CommandError } from './interaction-node.ts';

export interface ProgramStep extends Command {
  readonly after?: ExpectedWorld;
}

export interface Program {
  readonly id: string;
  readonly steps: readonly ProgramStep[];
}

/** A comparison that failed: at which step, and what differs by level. */
export interface Failure {
  readonly id: string;
  readonly step: number;
  readonly command: string;
  readonly differs: Partial<Record<Level | 'error', string>>;
}

export interface Tally {
  passed: number;
  failed: number;
}

export type Tallies = Record<Level, Tally>;

export function newTallies(): Tallies {
  return { L0: { passed: 0, failed: 0 }, L1: { passed: 0, failed: 0 }, L2: { passed: 0, failed: 0 } };
}

function describe(step: ProgramStep): string {
  return [step.cmd, ...step.args, ...(step.input === undefined ? [] : [JSON.stringify(step.input)])].join(' ');
}

/** Carries out one command; what an ordinary error of the original leaves behind is compared like everything else. */
function carryOut(env: InteractionEnv, step: ProgramStep): void {
  try {
    env.handle(step);
  } catch (error) {
    if (!(error instanceof CommandError) || error.message.startsWith('unknown')) throw error;
  }
}

/**
 * Runs a program, counting comparisons into `tallies`. With `resetTimeouts` the randomized election timeout of every node
 * is set after each command. When a command throws, every comparison still to come counts as failed.
 */
export function runProgram(program: Program, tallies: Tallies, resetTimeouts: boolean): Failure[] {
  const env = new InteractionEnv();
  const failures: Failure[] = [];
  let crash: string | undefined;
  program.steps.forEach((step, index) => {
    const failure = (differs: Failure['differs']): number =>
      failures.push({ id: program.id, step: index, command: describe(step), differs });
    if (crash === undefined) {
      try {
        carryOut(env, step);
        if (resetTimeouts) {
          for (const node of env.nodes) node.raft.setRandomizedElectionTimeout(scriptElectionTimeout(node.id));
        }
      } catch (error) {
        crash = String(error);
        failure({ error: crash });
      }
    }
    if (step.after === undefined) return;
    const differs = crash === undefined ? compareWorld(env, step.after) : { L0: crash, L1: crash, L2: crash };
    for (const level of LEVELS) tallies[level][differs[level] === undefined ? 'passed' : 'failed']++;
    if (crash === undefined && Object.keys(differs).length > 0) failure(differs);
  });
  return failures;
}
