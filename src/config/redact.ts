import type { Config } from "./schema.ts";

const hidden = "(set)";

/** A copy of the configuration that may be shown: passwords and their hashes are left out. */
export function redact(config: Config): Config {
  const { password, users } = config.auth;
  return {
    ...config,
    remote: config.remote.map(withoutPassword),
    auth: {
      ...(password === undefined ? {} : { password: hidden }),
      users: users.map((user) => ({
        ...user,
        ...(user.password === undefined ? {} : { password: hidden }),
        ...(user.passwordSha256 === undefined ? {} : { passwordSha256: hidden }),
      })),
    },
  };
}

/** The URL as it may be shown. */
export function withoutPassword(url: string): string {
  return url
    .replace(/(\/\/[^@/:]*):[^@/]*@/, `$1:${hidden}@`)
    .replace(/([?&][a-z-]*password=)[^&]*/g, `$1${hidden}`);
}
