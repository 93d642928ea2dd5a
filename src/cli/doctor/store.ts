import { resolveStoreOptions } from "../../backends/valkey/store-options.ts";
import { examineCluster } from "./cluster.ts";
import type { Findings } from "./finding.ts";
import { examineLm } from "./lm.ts";
import { examineSentinels } from "./sentinel.ts";
import { examineServer } from "./server.ts";
import { blockServer, type Examination } from "./target.ts";

/**
 * Everything about the store that a URL names.
 *
 * @param password For servers whose URL has none.
 * @throws KeepwarmError `INPUT_INVALID` or `NOT_FOUND` for a URL that cannot be used
 */
export async function examineStore(
  url: string,
  password: string | undefined,
  examination: Examination,
): Promise<Findings[]> {
  if (/^lm:/i.test(url)) return [await examineLm(url, examination)];
  const asked = resolveStoreOptions({ url });
  const settings = asked.password === undefined ? { ...asked, password } : asked;
  const { arrangement, endpoints } = settings.url;
  if (arrangement === "sentinel") return examineSentinels(settings, examination);
  if (arrangement === "cluster") return examineCluster(settings, examination);
  const target = { ...examination, address: blockServer(settings, endpoints[0]), settings };
  return [await examineServer(target, { role: "primary" })];
}
