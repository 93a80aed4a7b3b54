//! Links a build with the feature `train` so that it finds libtorch where it was built against, and
//! compiles what calls the parts of it that `tch` does not bind: `train/adamw/fused.cpp` and
//! `train/parallel/gloo.cpp`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(gloo)");
    println!("cargo::rustc-check-cfg=cfg(fused)");
    #[cfg(feature = "train")]
    train::link();
}

#[cfg(feature = "train")]
mod train {
    use std::path::{Path, PathBuf};

    /// The version of PyTorch whose classes `gloo.cpp` was written for: they have no stable binary
    /// interface.
    const VERSION: &str = "2.13.0";

    /// Headers of Gloo that PyTorch's include, and no wheel has.
    const GLOO_HEADERS: [&str; 5] =
        ["algorithm.h", "common/error.h", "context.h", "rendezvous/store.h", "transport/device.h"];

    pub(super) fn link() {
        println!("cargo::rerun-if-env-changed=LIBTORCH");
        // torch-sys says where it found the library, but only to crates that depend on it directly;
        // we depend on tch, so `LIBTORCH` (which the Makefile exports) is what usually speaks.
        let folder = std::env::var_os("DEP_TCH_LIBTORCH_LIB")
            .map(PathBuf::from)
            .or_else(|| std::env::var_os("LIBTORCH").map(|root| PathBuf::from(root).join("lib")));
        let Some(folder) = folder else {
            println!(
                "cargo::warning=neither LIBTORCH nor DEP_TCH_LIBTORCH_LIB is set: run `make \
                 libtorch`, or set LD_LIBRARY_PATH to the folder of libtorch_cpu.so at run time; \
                 several processes will sum without Gloo"
            );
            return;
        };
        println!("cargo::rerun-if-changed=src/train/caught.hpp");
        if let Err(why) = compile_fused(&folder) {
            println!("cargo::warning=training will do without libtorch's fused AdamW: {why}");
        }
        if let Err(why) = compile_gloo(&folder) {
            println!("cargo::warning=several processes will sum without Gloo: {why}");
        }
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", folder.display());
        // libtorch_cpu needs libc10 and libgomp from the same folder, and the wheel's own rpath
        // points elsewhere: DT_RPATH, unlike DT_RUNPATH, is searched for those as well.
        println!("cargo::rustc-link-arg=-Wl,--disable-new-dtags");
        if folder.join("libtorch_cuda.so").exists() {
            // Nothing names a symbol of libtorch_cuda, so the linker would drop it and CUDA with it
            // (https://github.com/LaurentMazare/tch-rs/issues/980).
            println!("cargo::rustc-link-arg=-Wl,--no-as-needed");
            println!("cargo::rustc-link-arg=-ltorch_cuda");
        }
    }

    /// Compiles `fused.cpp` and says so by `cfg(fused)`.
    fn compile_fused(folder: &Path) -> Result<(), String> {
        println!("cargo::rerun-if-changed=src/train/adamw/fused.cpp");
        shim(&include(folder)?)
            .file("src/train/adamw/fused.cpp")
            .try_compile("tamis_fused")
            .map_err(|error| error.to_string())?;
        link_to(folder);
        println!("cargo::rustc-cfg=fused");
        Ok(())
    }

    fn include(folder: &Path) -> Result<PathBuf, String> {
        Ok(folder.parent().ok_or("there is nothing above its libraries")?.join("include"))
    }

    /// A compiler that finds the headers of libtorch.
    fn shim(include: &Path) -> cc::Build {
        let mut build = cc::Build::new();
        build
            .cpp(true)
            .std("c++20")
            .warnings(false)
            .opt_level(1)
            .debug(false)
            .include(include)
            .include(include.join("torch/csrc/api/include"))
            .include("src/train");
        build
    }

    fn link_to(folder: &Path) {
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=dylib=torch_cpu");
        println!("cargo::rustc-link-lib=dylib=c10");
    }

    /// Compiles `gloo.cpp` and says so by `cfg(gloo)`.
    #[expect(clippy::disallowed_methods, reason = "a build has no store")]
    fn compile_gloo(folder: &Path) -> Result<(), String> {
        for file in ["gloo.cpp", "gloo.hpp"] {
            println!("cargo::rerun-if-changed=src/train/parallel/{file}");
        }
        let include = include(folder)?;
        let version = include.join("torch/headeronly/version.h");
        let text = std::fs::read_to_string(&version)
            .map_err(|error| format!("{}: {error}", version.display()))?;
        if !text.contains(&format!("\"{VERSION}")) {
            return Err(format!("{} is not of PyTorch {VERSION}", version.display()));
        }
        // Gloo's headers, each of them what is declared in ours.
        let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
        let ours = std::env::current_dir()
            .map_err(|error| error.to_string())?
            .join("src/train/parallel/gloo.hpp");
        for header in GLOO_HEADERS {
            let path = out.join("gloo").join(header);
            let text = format!("#include \"{}\"\n", ours.display());
            let written = std::fs::create_dir_all(path.parent().unwrap_or(&out))
                .and_then(|()| std::fs::write(&path, text));
            written.map_err(|error| format!("{}: {error}", path.display()))?;
        }
        shim(&include)
            .define("USE_C10D_GLOO", None)
            .include(&out)
            .file("src/train/parallel/gloo.cpp")
            .try_compile("tamis_gloo")
            .map_err(|error| error.to_string())?;
        link_to(folder);
        println!("cargo::rustc-cfg=gloo");
        Ok(())
    }
}
