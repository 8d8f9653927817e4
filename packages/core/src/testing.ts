// For tests of a registration store of one's own.

export {
  type RegistrationStoreCasesOptions,
  registrationStoreCases,
  type StoreCase,
  type StoreUnderTest,
} from "./testing/store-cases.ts";
