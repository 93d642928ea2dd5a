/**
 * Works on items in order, each in the first lane that is free. The first failure stops the start
 * of further items and is thrown once all lanes rest.
 */
export async function inLanes<Item, Lane>(
  items: Iterable<Item>,
  lanes: readonly Lane[],
  work: (item: Item, lane: Lane) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const drain = async (lane: Lane): Promise<void> => {
    while (failures.length === 0) {
      const next = queue.next();
      if (next.done) return;
      await work(next.value, lane).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(lanes.map(drain));
  if (failures.length > 0) throw failures[0];
}
