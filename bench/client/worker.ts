// One client in a process of its own: its garbage and its threads are nobody else's.
import { clientMakers } from "./clients/index.ts";
import { runTrial, store, type TrialTask } from "./trial.ts";

const [name, url] = process.argv.slice(2);
const maker = clientMakers.find((each) => each.name === name);
if (maker === undefined) throw new Error(`there is no client ${name}`);
const client = await maker.connect(url);
process.on("message", (message) => {
  const task = message as TrialTask & { readonly store?: true };
  const done =
    task.store === true
      ? store(client, task.cell).then(() => ({}))
      : runTrial(client, task).then((result) => ({ result }));
  done.then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
process.send?.({});
