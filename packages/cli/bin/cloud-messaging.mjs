#!/usr/bin/env node
// What was built; this file is here before that, so that installing the workspace can link it.
import "../dist/cli.js";
