import { createMemoryRegistrationStore } from "@cloud-messaging/core";
import { registrationStoreContract } from "./registration-store.contract.ts";

registrationStoreContract("in memory", (clock) => createMemoryRegistrationStore({ clock }));
