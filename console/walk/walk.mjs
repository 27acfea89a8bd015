// Walks through the console as a person would, in a real browser, and looks at
// every page with axe-core.
//
//   node walk.mjs http://127.0.0.1:4566 [FOLDER FOR SCREENSHOTS]
//
// The server must be in open mode. Fails with what did not hold.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [server, folder] = process.argv.slice(2);
const console_ = `${server}/console/`;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WAIT_MS = 60_000;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: "light" });
context.setDefaultTimeout(WAIT_MS);
const page = await context.newPage();
const said = [];
page.on("pageerror", (error) => said.push(`an error in the page: ${error.message}`));
page.on("console", (message) => {
  // Answers with an error's status are told here too; pages show them themselves.
  if (message.type() === "error" && !message.text().includes("Failed to load resource")) said.push(message.text());
});

let step = "";
async function holds(title, work) {
  step = title;
  await work();
  console.log(`ok   ${title}`);
}

/** No serious violation, in light and dark, and a picture of it. */
async function look(name) {
  for (const scheme of ["light", "dark"]) {
    for (const width of [1280, 390]) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 860 });
      await page.waitForTimeout(150);
      if (folder) await page.screenshot({ path: `${folder}/${name}-${scheme}-${width}.png` });
      // By the debugging protocol: the content security policy lets no other script in.
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
      const bad = violations.filter((one) => one.impact === "serious" || one.impact === "critical");
      for (const one of bad) {
        said.push(`${name} (${scheme}, ${width}): ${one.id}: ${one.nodes.slice(0, 3).map((node) => `${node.html} ${node.failureSummary}`).join(" | ")}`);
      }
    }
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.setViewportSize({ width: 1280, height: 860 });
}

const pages = page.getByRole("navigation", { name: "Pages" });

async function aws(operation, input) {
  return page.evaluate(
    async ([operation, input]) => {
      const answer = await fetch("/", {
        method: "POST",
        headers: {
          "x-windlass-console": "states/us-east-1",
          "content-type": "application/x-amz-json-1.0",
          "x-amz-target": `AWSStepFunctions.${operation}`,
        },
        body: JSON.stringify(input),
      });
      const value = await answer.json();
      if (!answer.ok) throw new Error(JSON.stringify(value));
      return value;
    },
    [operation, input],
  );
}

const definition = {
  QueryLanguage: "JSONata",
  StartAt: "Price the order",
  States: {
    "Price the order": {
      Type: "Pass",
      Assign: { total: "{% $states.input.price * $states.input.count %}" },
      Output: "{% $merge([$states.input, {'total': $states.input.price * $states.input.count}]) %}",
      Next: "Affordable?",
    },
    "Affordable?": {
      Type: "Choice",
      Choices: [{ Condition: "{% $states.input.total > 100 %}", Next: "Too dear" }],
      Default: "Ask a person",
    },
    "Too dear": { Type: "Fail", Error: "TooDear", Cause: "More than a hundred" },
    "Ask a person": { Type: "Task", Resource: "ACTIVITY", TimeoutSeconds: 3600, Next: "Done" },
    Done: { Type: "Succeed" },
  },
};

try {
  await holds("the overview of an empty server", async () => {
    await page.goto(console_);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await look("overview-empty");
  });
  const { activityArn } = await aws("CreateActivity", { name: "ask" });
  definition.States["Ask a person"].Resource = activityArn;

  await holds("a machine is made as text, with findings at their lines", async () => {
    await pages.getByRole("link", { name: "State machines" }).click();
    await page.getByRole("link", { name: "Create", exact: true }).click();
    const editor = page.getByRole("textbox", { name: "Definition" });
    await editor.waitFor();
    await editor.click();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.insertText(JSON.stringify({ ...definition, StartAt: "Nowhere" }, null, 2));
    await page.locator(".findings .badge.failed").first().waitFor();
    await look("edit");
    await editor.click();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.insertText(JSON.stringify(definition, null, 2));
    await page.getByText("No findings.").waitFor();
    await page.getByLabel("Name").fill("orders");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("heading", { name: "orders" }).waitFor();
    await page.getByRole("button", { name: /^Too dear, Fail/ }).waitFor();
    await look("machine");
  });

  await holds("an execution is started, and its failure found with one key", async () => {
    await page.getByRole("button", { name: "Start execution" }).click();
    await page.getByLabel("Input (JSON)").fill('{"price": 60, "count": 2}');
    await page.getByLabel("Name (optional)").fill("dear");
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await page.getByRole("heading", { name: "dear", exact: true }).waitFor();
    await page.locator(".head .badge.failed").waitFor();
    await page.getByRole("button", { name: "Find failure" }).waitFor();
    await page.keyboard.press("f");
    await page.getByRole("heading", { name: "Too dear" }).waitFor();
    await page.getByRole("button", { name: /^Too dear, Fail, failed/ }).waitFor();
    await look("execution-failed");
  });

  await holds("what each expression came to is told", async () => {
    await page.getByRole("button", { name: /^Price the order, Pass, succeeded/ }).click();
    await page.getByRole("tab", { name: "Values" }).click();
    await page.locator(".value").filter({ hasText: "Assign" }).first().waitFor();
    await page.locator(".value").filter({ hasText: "120" }).first().waitFor();
  });

  await holds("timeline and history show the same", async () => {
    await page.getByRole("tab", { name: "Timeline" }).click();
    await page.locator(".timeline-row", { hasText: "Too dear" }).waitFor();
    await look("timeline");
    await page.getByRole("tab", { name: /^History/ }).click();
    await page.getByRole("row", { name: /FailStateEntered/ }).click();
    await page.locator(".history-detail").waitFor();
    await look("history");
    await page.getByRole("tab", { name: "Graph" }).click();
  });

  await holds("it is forked with mended input, and watched live", async () => {
    await page.getByRole("button", { name: /^Price the order, Pass/ }).click();
    await page.getByRole("button", { name: "Fork from here" }).click();
    await page.getByLabel("Input of the state (JSON)").fill('{"price": 20, "count": 2}');
    await look("fork");
    await page.getByRole("button", { name: "Start the fork" }).click();
    await page.locator(".head .badge.running").waitFor();
    await page.getByRole("button", { name: /^Ask a person, Task, running/ }).waitFor();
    await look("execution-running");
  });

  await holds("a person approves in the inbox, and the execution goes on", async () => {
    const watched = page.url();
    await pages.getByRole("link", { name: "Inbox" }).click();
    await page.getByRole("button", { name: "Approve" }).waitFor();
    await look("inbox");
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByLabel("Result of the state (JSON)").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
    await page.getByText("Nobody is waited for").waitFor();
    await page.goto(watched);
    await page.locator(".head .badge.succeeded").waitFor();
    await look("execution-succeeded");
  });

  await holds("executions are searched by status, and by error", async () => {
    await pages.getByRole("link", { name: "Executions", exact: true }).click();
    await page.getByLabel("Error").fill("toode");
    await page.getByRole("link", { name: "dear", exact: true }).waitFor();
    await page.getByLabel("Status").selectOption("SUCCEEDED");
    await page.getByText("Nothing found").waitFor();
    await page.getByLabel("Error").fill("");
    await page.getByRole("link", { name: "orders" }).first().waitFor();
    await look("executions");
  });

  await holds("the overview tells it", async () => {
    await pages.getByRole("link", { name: "Overview" }).click();
    await page.locator(".figure", { hasText: "failed" }).getByText("1", { exact: true }).waitFor();
    await look("overview");
  });

  await holds("functions and what is not there have pages too", async () => {
    await pages.getByRole("link", { name: "Functions" }).click();
    await page.getByText("No functions yet").waitFor();
    await look("functions");
    await page.goto(`${console_}nothing/here`);
    await page.getByText("There is no such page").waitFor();
  });

  await holds("everything is reached by keyboard", async () => {
    await page.goto(console_);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    const reached = new Set();
    for (let press = 0; press < 12; press += 1) {
      await page.keyboard.press("Tab");
      reached.add(await page.evaluate(() => document.activeElement?.textContent?.trim() ?? ""));
    }
    for (const name of ["State machines", "Executions", "Inbox", "Functions"]) {
      if (!reached.has(name)) throw new Error(`Tab does not reach ${name}: ${[...reached].join(", ")}`);
    }
  });

  step = "what pages said";
  if (said.length) throw new Error(said.join("\n"));
} catch (error) {
  if (folder) await page.screenshot({ path: `${folder}/failed.png` }).catch(() => {});
  console.error(`FAILED while: ${step}\n${error.message}\n${said.join("\n")}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}
