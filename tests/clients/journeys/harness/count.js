// A second reporter that prints the number of journeys at the end.
import { basename } from 'node:path';

export default async function* count(events) {
  const walked = { attackers: 0, honest: 0 };
  const failed = [];
  for await (const { type, data } of events) {
    if (!['test:pass', 'test:fail'].includes(type) || data.details.type === 'suite') continue;
    // A file counts as its own test, unless tests run in one process.
    if (data.file !== undefined && basename(data.name) === basename(data.file)) continue;
    walked[data.name.startsWith('an honest user') ? 'honest' : 'attackers'] += 1;
    if (type === 'test:fail') failed.push(data.name);
  }
  for (const name of failed) yield `failed: ${name}\n`;
  yield `${walked.attackers} journeys of attackers, ${walked.honest} of honest users, ${failed.length} failed\n`;
}
