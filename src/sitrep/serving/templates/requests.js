// What the page asks of its server, and the errors of it in words.
const sitrep = (() => {
  "use strict";
  const access = document.getElementById("access");
  const patience = 5; // times that a full server is asked again
  const longest = 30; // seconds before it is
  let token = null, asking = null;

  // One form for all requests that wait for the token.
  const askToken = () => asking ??= new Promise(given => {
    const field = document.getElementById("token");
    field.value = "";
    access.hidden = false;
    field.focus();
    access.onsubmit = event => {
      event.preventDefault();
      token = field.value;
      field.value = "";
      access.hidden = true;
      asking = null;
      given();
    };
  });

  const words = async answer => {
    let error = {};
    try { error = (await answer.json()).error ?? {}; } catch { /* what a proxy in between says is no JSON */ }
    const said = error.message ?? `the server answers with status ${answer.status}`;
    return error.field ? `${said} (${error.field})` : said;
  };

  const wait = seconds => new Promise(done => { setTimeout(done, seconds * 1000); });

  // `told` learns that the server is full, and that it is asked again.
  const ask = async (address, accept, body = null, told = () => {}) => {
    for (let full = 0; ;) {
      const headers = { Accept: accept };
      if (token !== null) headers.Authorization = `Bearer ${token}`;
      if (body) headers["Content-Type"] = body.type;
      let answer;
      try {
        answer = await fetch(address, { method: body ? "POST" : "GET", headers, body: body?.content, cache: "no-store" });
      } catch {
        throw new Error("the server does not answer, or it hung up; it may have been stopped, or what was sent is too large for it");
      }
      if (answer.ok) return answer;
      if (answer.status === 401) {
        if (token !== null) told("this token is not the server's");
        token = null;
        await askToken();
      } else if (answer.status === 429 && ++full <= patience) {
        const seconds = Math.min(longest, Math.max(1, Number(answer.headers.get("Retry-After")) || 1));
        told(`the server is busy; it is asked again in ${seconds} s`);
        await wait(seconds);
      } else {
        throw new Error(await words(answer));
      }
    }
  };
  // Names what was pasted or corrected when, as 20261127130501.
  const time = () => new Date().toISOString().slice(0, 19).replace(/\D/g, "");
  return { ask, time };
})();
