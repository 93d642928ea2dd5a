import { describe, expect, it } from "vitest";

import {
  formatSources,
  parseListFile,
  parseSourcesFile,
  releaseSources,
} from "../../../src/testing/servers/debian-sources.ts";

const deb822 = `Types: deb deb-src
# where it was frozen
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/some.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
Enabled: no
URIs: http://mirror.example/off
Suites: bookworm
Components: main
`;

describe("apt sources of the machine", () => {
  it("reads stanzas, with inline keys and comments, without those switched off", () => {
    const sources = parseSourcesFile(deb822);
    expect(sources).toHaveLength(2);
    expect(sources[0]).toEqual({
      uris: ["http://mirror.example/debian"],
      suites: ["bookworm", "bookworm-updates"],
      components: ["main", "contrib"],
      options: { "Signed-By": "/usr/share/keyrings/some.gpg" },
    });
    expect(sources[1]?.options["Signed-By"]).toMatch(/^-----BEGIN[^]*abc\n -----END.*-----$/);
  });

  it("reads one-line entries with and without options", () => {
    const text = [
      "# deb http://mirror.example/off bookworm main",
      "deb http://mirror.example/debian bookworm main contrib # the mirror",
      "deb-src http://mirror.example/debian bookworm main",
      "deb [arch=amd64,arm64 signed-by=/k.gpg] http://other.example/x stable all",
    ].join("\n");
    expect(parseListFile(text)).toEqual([
      {
        uris: ["http://mirror.example/debian"],
        suites: ["bookworm"],
        components: ["main", "contrib"],
        options: {},
      },
      {
        uris: ["http://other.example/x"],
        suites: ["stable"],
        components: ["all"],
        options: { Architectures: "amd64 arm64", "Signed-By": "/k.gpg" },
      },
    ]);
  });

  it("keeps the release's own suites only, and adds backports where the release comes from", () => {
    const third = parseListFile(
      "deb http://other.example/x stable main\ndeb http://other.example/y bookworm nightly",
    );
    const sources = releaseSources([...third, ...parseSourcesFile(deb822)], "bookworm", {
      backports: true,
    });
    expect(sources.map(({ suites }) => suites)).toEqual([
      ["bookworm", "bookworm-updates", "bookworm-backports"],
      ["bookworm-security"],
    ]);
    expect(releaseSources(sources, "trixie")).toEqual([]);
  });

  it("writes entries that read back the same and fetch package lists only", () => {
    const sources = parseSourcesFile(deb822);
    const text = formatSources(sources);
    expect(parseSourcesFile(text)).toEqual(sources);
    expect(text.match(/^Targets: Packages$/gm)).toHaveLength(2);
  });
});
