/**
 * All planted faults. Each must be caught (`npm run test:faults`); a new rule of the core or the log deserves a row.
 */
import { CORE_FAULTS } from './core-faults.ts';
import type { PlantedFault } from './fault.ts';
import { MEMBERSHIP_FAULTS } from './membership-faults.ts';
import { NODE_FAULTS } from './node-faults.ts';
import { STORAGE_FAULTS } from './storage-faults.ts';

export const FAULTS: readonly PlantedFault[] = [
  ...CORE_FAULTS,
  ...MEMBERSHIP_FAULTS,
  ...STORAGE_FAULTS,
  ...NODE_FAULTS,
];
