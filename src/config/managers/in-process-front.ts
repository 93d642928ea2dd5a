import type {
  InProcessServer,
  StartInProcess,
} from "../../metrics-channel/manager/server-manager.ts";

/** Memory for plain values; lists and hashes, which channels use, have a limit of their own. */
const ramBytes = 64 * 1024 ** 2;

/** Keepwarm's own RESP front at the endpoint, loaded when it is needed. */
export const startFrontInProcess: StartInProcess = async (
  endpoint,
  logger,
): Promise<InProcessServer> => {
  const [{ RespServer }, { TierChain }, { RamTier }, { version }] = await Promise.all([
    import("../../fronts/resp/server.ts"),
    import("../../tiers/chain/tier-chain.ts"),
    import("../../tiers/ram/ram-tier.ts"),
    import("../../util/version.ts"),
  ]);
  const { host, port, username, password, tls, certificate } = endpoint;
  const named = username !== undefined && username !== "default" && password !== undefined;
  const server = await RespServer.listen({
    tiers: new TierChain({ ram: new RamTier({ capacityBytes: ramBytes }) }),
    version,
    logger,
    host: host === "localhost" ? "127.0.0.1" : host,
    port,
    ...(named ? { users: [{ name: username, password }] } : password && { password }),
    ...(tls && certificate && { tls: withoutUndefined(certificate) }),
  });
  server.unref();
  return { port: server.state.port, close: () => server.close() };
};

function withoutUndefined<T extends object>(
  options: T,
): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
