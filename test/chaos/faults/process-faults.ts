/** Faults of processes: killed, paused, restarted, out of disk. */
import { within } from '../within.ts';
import { always } from './fault.ts';
import type { Fault } from './fault.ts';

const RESTART_MILLIS = 90_000;

export const processFaults: readonly Fault[] = [
  {
    name: 'kill -9 of one member',
    possible: always,
    run: async ({ target, hold }) => {
      await target.kill();
      await hold(4_000);
      await target.start();
    },
  },
  {
    name: 'kill -9 of one member, at once started again',
    possible: always,
    run: async ({ target }) => {
      await target.kill();
      await target.start();
    },
  },
  {
    name: 'kill -9 of all members together',
    victim: () => 'all',
    possible: always,
    run: async ({ store, hold }) => {
      await Promise.all(store.members.map((member) => member.kill()));
      await hold(1_000);
      await Promise.all(store.members.map((member) => member.start()));
    },
  },
  {
    name: 'kill -9 of a majority',
    possible: ({ members }) => members.length >= 3,
    run: async ({ store, target, hold }) => {
      const others = store.members.filter((member) => member !== target);
      const majority = [target, ...others].slice(0, Math.floor(store.members.length / 2) + 1);
      await Promise.all(majority.map((member) => member.kill()));
      await hold(3_000);
      await Promise.all(majority.map((member) => member.start()));
    },
  },
  {
    name: 'SIGSTOP, SIGCONT',
    possible: always,
    run: async ({ target, hold }) => {
      target.pause();
      await hold(5_000);
      target.resume();
    },
  },
  {
    name: 'SIGSTOP for a moment, five times',
    possible: always,
    run: async ({ target, hold }) => {
      for (let times = 0; times < 5; times++) {
        target.pause();
        await hold(300);
        target.resume();
        await hold(300);
      }
    },
  },
  {
    name: 'SIGTERM and start of one member',
    possible: always,
    run: async ({ target }) => {
      if (!(await target.stop(RESTART_MILLIS))) throw new Error(`${target.name} did not stop after SIGTERM`);
      await target.start();
    },
  },
  {
    name: 'rolling restart',
    victim: () => 'all',
    possible: ({ members }) => members.length >= 3,
    run: async ({ store }) => {
      for (const member of store.members) {
        if (!(await member.stop(RESTART_MILLIS))) throw new Error(`${member.name} did not stop after SIGTERM`);
        await member.start();
        await store.waitUntilServing(RESTART_MILLIS);
      }
    },
  },
  {
    name: 'full disk',
    victim: ({ smallDisk }) => smallDisk?.member.name ?? '',
    possible: ({ smallDisk }) => smallDisk !== null,
    run: async ({ store, hold }) => {
      const member = store.smallDisk?.member;
      if (member === undefined) return;
      member.mayEnd = true;
      store.fillDisk();
      await hold(3_000);
      // Killed, had it not ended by itself: its last writes may be half there.
      await within(RESTART_MILLIS, 'a member to end', member.kill());
      store.emptyDisk();
      member.mayEnd = false;
      await member.start();
    },
  },
];
