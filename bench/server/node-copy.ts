// Two Node processes and one loopback connection, no protocol: what Node itself can carry.
// Runs as `send` (prints its port, then its CPU) or as `receive <port> <seconds>`.
import { connect, createServer, type AddressInfo } from "node:net";

const bufferBytes = 1024 ** 2;
const warmupMs = 200;

function cpuSeconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}

function send(): void {
  const buffer = Buffer.alloc(bufferBytes, 1);
  const server = createServer({ noDelay: true }, (socket) => {
    const start = process.cpuUsage();
    const pump = () => {
      while (socket.write(buffer));
    };
    socket.on("drain", pump).on("error", () => {});
    socket.once("close", () => {
      console.log(JSON.stringify({ cpu: cpuSeconds(start) }));
      server.close();
    });
    pump();
  });
  server.listen(0, "127.0.0.1", () => {
    console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }));
  });
}

function receive(port: number, seconds: number): void {
  let bytes = 0;
  const socket = connect({
    port,
    host: "127.0.0.1",
    onread: {
      buffer: Buffer.alloc(bufferBytes),
      callback: (received) => {
        bytes += received;
        return true;
      },
    },
  });
  setTimeout(() => {
    const warmupBytes = bytes;
    const start = process.cpuUsage();
    const began = performance.now();
    setTimeout(() => {
      const elapsed = (performance.now() - began) / 1000;
      const measured = bytes - warmupBytes;
      const cpu = cpuSeconds(start);
      console.log(JSON.stringify({ bytes: measured, allBytes: bytes, seconds: elapsed, cpu }));
      socket.destroy();
    }, seconds * 1000);
  }, warmupMs);
}

const [role, port, seconds] = process.argv.slice(2);
if (role === "send") send();
else receive(Number(port), Number(seconds));
