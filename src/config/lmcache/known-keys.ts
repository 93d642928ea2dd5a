/** Keys of LMCache that become settings of ours; the others are in {@link idleKeys}. */
const usedKeys = [
  "chunk_size",
  "local_cpu",
  "max_local_cpu_size",
  "local_disk",
  "max_local_disk_size",
  "remote_url",
  "remote_serde",
  "cache_policy",
  "pre_caching_hash_algorithm",
  "save_unfull_chunk",
  "blocking_timeout_secs",
  "extra_config",
] as const;

export type UsedKey = (typeof usedKeys)[number];

const pinned = "is about LMCache's pinned memory; memory here is asked for as it is needed";
const engine = "is decided in the engine; the store keeps what it is sent";
const blending = "is about CacheBlend, which runs in the engine";
const transfer =
  "is about memory that engines hand to each other; a shared store takes its place or stands beside it";
const controller =
  "is about LMCache's controller; `keepwarm ls`, `explain` and `stat` look into this store";
const devices = "is about reading disks into GPU memory, which this store does not have";
const ownServer = "is about LMCache's own HTTP server";
const statistics = "is about LMCache's own statistics; see `keepwarm stat` and `keepwarm describe`";
const plugins = "names Python code, which does not run here";
const hidden = "is about hidden states, which LMCache keeps in a pool of its own";
const pins =
  "is about pins that LMCache's readers hold; values being read here are held by reference";

/** What LMCache's other keys are about, and so why they have no meaning here. */
export const idleKeys: Readonly<Record<string, string>> = {
  ...all(pinned, "local_cpu_use_hugepages", "reserve_local_cpu_size", "numa_mode"),
  ...all(
    pinned,
    "enable_lazy_memory_allocator",
    "lazy_memory_initial_ratio",
    "lazy_memory_expand_trigger_ratio",
    "lazy_memory_step_ratio",
    "lazy_memory_safe_size",
  ),
  local_disk_path_sharding: "spreads files over GPUs; one directory serves all clients here",
  ...all(engine, "use_layerwise", "save_decode_cache", "min_retrieve_tokens", "priority_limit"),
  ...all(
    engine,
    "retrieve_locations",
    "store_location",
    "enable_async_loading",
    "use_gpu_connector_v3",
  ),
  ...all(
    engine,
    "lookup_timeout_ms",
    "external_lookup_client",
    "hit_miss_ratio",
    "lookup_server_worker_ids",
    "enable_scheduler_bypass_lookup",
  ),
  ...all(
    blending,
    "enable_blending",
    "blend_recompute_ratios",
    "blend_thresholds",
    "blend_check_layers",
    "blend_min_tokens",
    "blend_special_str",
  ),
  ...all(
    transfer,
    "enable_p2p",
    "p2p_host",
    "p2p_init_ports",
    "p2p_lookup_ports",
    "transfer_channel",
  ),
  ...all(
    transfer,
    "enable_pd",
    "pd_role",
    "pd_buffer_size",
    "pd_buffer_device",
    "pd_peer_host",
    "pd_peer_init_port",
    "pd_peer_alloc_port",
    "pd_peer_query_port",
    "pd_proxy_host",
    "pd_proxy_port",
    "pd_allocation_timeout_sec",
    "pd_shutdown_timeout_sec",
    "pd_condition_poll_interval_sec",
    "pd_max_prefill_len",
    "pd_backend_mode",
    "pd_skip_proxy_notification",
    "pd_bidirectional",
  ),
  ...all(
    controller,
    "enable_controller",
    "lmcache_instance_id",
    "controller_pull_url",
    "controller_reply_url",
    "lmcache_worker_ports",
    "lmcache_worker_ids",
    "lmcache_worker_heartbeat_delay_time",
    "lmcache_worker_heartbeat_time",
    "enable_kv_events",
  ),
  ...all(
    devices,
    "gds_path",
    "gds_path_sharding",
    "gds_buffer_size",
    "use_gds",
    "gds_backend",
    "nixl_backends",
    "nixl_buffer_size",
    "nixl_buffer_device",
    "maru_path",
    "maru_pool_size",
  ),
  ...all(
    ownServer,
    "internal_api_server_enabled",
    "internal_api_server_host",
    "internal_api_server_port_start",
    "internal_api_server_include_index_list",
    "internal_api_server_socket_path_prefix",
  ),
  ...all(
    statistics,
    "enable_chunk_statistics",
    "chunk_statistics_auto_start_statistics",
    "chunk_statistics_auto_exit_timeout_hours",
    "chunk_statistics_auto_exit_target_unique_chunks",
    "chunk_statistics_strategy",
  ),
  ...all(plugins, "remote_storage_plugins", "storage_plugins", "runtime_plugin_locations"),
  ...all(plugins, "script_allowed_imports", "py_enable_gc"),
  ...all(pins, "pin_timeout_sec", "pin_check_interval_sec"),
  ...all(
    hidden,
    "enable_hidden_state_cache",
    "max_hidden_state_cpu_size",
    "hidden_state_layers",
    "hidden_states_retrieve_mode",
  ),
  ...all("belongs to LMCache's MP server", "mp_host", "mp_port"),
  ...all("fetches settings over HTTP, which is not done here", "remote_config_url", "app_id"),
  ...all(
    "tunes a policy that is not here",
    "cost_aware_half_life_seconds",
    "cost_aware_ewma_alpha",
  ),
  audit_actual_remote_url: "belongs to audit://, which wraps another store to check it",
  remote_ttl: "is in no release of LMCache; what writes a block can give it a time (SET … EX)",
};

/** Older names that LMCache still takes. */
export const olderNames: Readonly<Record<string, string>> = {
  enable_xpyd: "enable_pd",
  nixl_peer_host: "pd_peer_host",
  nixl_peer_init_port: "pd_peer_init_port",
  nixl_peer_alloc_port: "pd_peer_alloc_port",
  nixl_proxy_host: "pd_proxy_host",
  nixl_proxy_port: "pd_proxy_port",
  nixl_role: "pd_role",
  controller_url: "controller_pull_url",
  lmcache_worker_port: "lmcache_worker_ports",
  plugin_locations: "runtime_plugin_locations",
  external_backends: "storage_plugins",
};

export function isUsed(key: string): key is UsedKey {
  return (usedKeys as readonly string[]).includes(key);
}

/** Every key that LMCache knows, older names included. */
export const allKeys: readonly string[] = [
  ...usedKeys,
  ...Object.keys(idleKeys),
  ...Object.keys(olderNames),
];

function all(why: string, ...keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.map((key) => [key, why]));
}
