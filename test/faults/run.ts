/**
 * `npm run test:faults [-- names…]`: plants each fault of the table, in a process of its own, and prints whether and how it
 * was caught. Exits with 1 when one was not.
 */
import { huntAll, printRow } from './hunt-all.ts';
import { FAULTS } from './table.ts';

const names = process.argv.slice(2);
const chosen = names.length === 0 ? FAULTS : FAULTS.filter(({ name }) => names.includes(name));
console.log('| fault | the mistake | caught | by | promise that was broken |');
console.log('| --- | --- | --- | --- | --- |');
const rows = await huntAll(chosen, (row) => console.log(printRow(row)));
const missed = rows.filter(({ result }) => !result.caught);
console.log(`\n${rows.length} faults planted, ${rows.length - missed.length} caught`);
if (missed.length > 0 || rows.length === 0) process.exitCode = 1;
