// One client in a process of its own: its garbage and its threads are nobody else's.
import { clientMakers } from "./clients/index.ts";
import type { Cell } from "./cells.ts";
import { runTrial } from "./trial.ts";

const [name, url] = process.argv.slice(2);
const maker = clientMakers.find((each) => each.name === name);
if (maker === undefined) throw new Error(`there is no client ${name}`);
const client = await maker.connect(url);
process.on("message", ({ cell, seconds }: { cell: Cell; seconds: number }) => {
  runTrial(client, cell, seconds).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
process.send?.({});
