import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./app";
import "./theme.css";

const theme = localStorage.getItem("theme");
if (theme) document.documentElement.dataset.theme = theme;

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
