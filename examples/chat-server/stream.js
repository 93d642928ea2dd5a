// Asks `keepwarm chat-server` twice, prints the answers as they come and how many tokens were not computed.
// Usage: node stream.js [URL], by default http://127.0.0.1:8080/v1
const url = process.argv[2] ?? "http://127.0.0.1:8080/v1";
const about =
  "The tower is forty-one metres high. Its first keeper was Edmund Harrow, a clockmaker.";

for (const question of ["How high is the tower?", "Who was the first keeper?"]) {
  const began = performance.now();
  let firstMs;
  const response = await fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${process.env.KEEPWARM_CHAT_API_KEY ?? ""}`,
    },
    body: JSON.stringify({
      messages: [{ role: "user", content: `${about}\n\n${question}` }],
      max_tokens: 32,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    }),
  });
  if (!response.ok) throw new Error((await response.json()).error.message);
  let left = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (left + text).split("\n\n");
    left = events.pop();
    for (const event of events) {
      const data = event.replace("data: ", "");
      if (data === "[DONE]") continue;
      const { choices, usage, error } = JSON.parse(data);
      if (error) throw new Error(error.message);
      const piece = choices[0]?.delta.content;
      if (piece) {
        firstMs ??= performance.now() - began;
        process.stdout.write(piece);
      }
      if (usage) {
        const cached = usage.prompt_tokens_details.cached_tokens;
        console.log(
          `\n${cached} of ${usage.prompt_tokens} tokens cached, ${firstMs?.toFixed(0)} ms\n`,
        );
      }
    }
  }
}
