//! Links a build with the feature `train` so that it finds libtorch where it was built against.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_TRAIN").is_none() {
        return;
    }
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    // torch-sys says where it found the library, but only to crates that depend on it directly; we
    // depend on tch, so `LIBTORCH` (which the Makefile exports) is what usually speaks.
    let folder =
        std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(std::path::PathBuf::from).or_else(|| {
            std::env::var_os("LIBTORCH").map(|root| std::path::PathBuf::from(root).join("lib"))
        });
    let Some(folder) = folder else {
        println!(
            "cargo::warning=neither LIBTORCH nor DEP_TCH_LIBTORCH_LIB is set: run `make libtorch`, \
             or set LD_LIBRARY_PATH to the folder of libtorch_cpu.so at run time"
        );
        return;
    };
    println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
    // libtorch_cpu needs libc10 and libgomp from the same folder, and the wheel's own rpath points
    // elsewhere: DT_RPATH, unlike DT_RUNPATH, is searched for those as well.
    println!("cargo::rustc-link-arg=-Wl,--disable-new-dtags");
    if folder.join("libtorch_cuda.so").exists() {
        // Nothing names a symbol of libtorch_cuda, so the linker would drop it and CUDA with it
        // (https://github.com/LaurentMazare/tch-rs/issues/980).
        println!("cargo::rustc-link-arg=-Wl,--no-as-needed");
        println!("cargo::rustc-link-arg=-ltorch_cuda");
    }
}
