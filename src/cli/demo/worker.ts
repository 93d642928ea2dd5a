// The demo's second process: everything it has of the document comes from the store.
import { Asker } from "./asker.ts";
import type { Job, JobMessage, JobResult } from "./second-process.ts";
import { damage, leaveMemory, openPlace } from "./store.ts";

process.once("message", (job: Job) => {
  work(job)
    .then((result) => say({ result }))
    .catch((error: unknown) =>
      say({ error: error instanceof Error ? error.message : String(error) }),
    );
});
// Nobody waits for the answers any more.
process.once("disconnect", () => process.exit());

async function work(job: Job): Promise<JobResult> {
  const { place, document, question, shared } = job;
  const store = await openPlace(place);
  try {
    await using asker = await Asker.open({ ...job, store });
    const restored = await asker.askWithStore(document, question);
    await leaveMemory(store);
    const again = await asker.askWithStore(document, question);
    let damaged: JobResult["damaged"];
    if (job.damage !== undefined && (await damage(store, job.damage))) {
      await leaveMemory(store);
      damaged = await asker.askWithStore(document, question);
    }
    const cold = await asker.askWithoutStore(document, question, shared);
    return { pid: process.pid, restored, again, cold, damaged };
  } finally {
    await store.close();
  }
}

function say(message: JobMessage): void {
  process.send?.(message);
}
