import { App } from "./app.tsx";
import { render } from "./preact.ts";

const root = document.getElementById("root");
if (root !== null) render(<App />, root);
