import { signedIn, whySignedOut } from "../sign_in.js";
await signedIn(whySignedOut());
