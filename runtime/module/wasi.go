package module

// WASI preview 1: the names and signatures that a node may import.

// WASIModule is the import module of WASI preview 1.
const WASIModule = "wasi_snapshot_preview1"

// WASIFunctions is WASI preview 1 (snapshot 01, with the later sock_accept): each function that a module may import
// from [WASIModule], with its signature. The sandbox offers all of them. Not to be modified.
var WASIFunctions = func() map[string]FuncType {
	// One letter a parameter: i is i32, I is i64. All give an errno, except proc_exit.
	params := map[string]string{
		"args_get": "ii", "args_sizes_get": "ii",
		"environ_get": "ii", "environ_sizes_get": "ii",
		"clock_res_get": "ii", "clock_time_get": "iIi",
		"fd_advise": "iIIi", "fd_allocate": "iII", "fd_close": "i", "fd_datasync": "i",
		"fd_fdstat_get": "ii", "fd_fdstat_set_flags": "ii", "fd_fdstat_set_rights": "iII",
		"fd_filestat_get": "ii", "fd_filestat_set_size": "iI", "fd_filestat_set_times": "iIIi",
		"fd_pread": "iiiIi", "fd_prestat_get": "ii", "fd_prestat_dir_name": "iii", "fd_pwrite": "iiiIi",
		"fd_read": "iiii", "fd_readdir": "iiiIi", "fd_renumber": "ii", "fd_seek": "iIii", "fd_sync": "i",
		"fd_tell": "ii", "fd_write": "iiii",
		"path_create_directory": "iii", "path_filestat_get": "iiiii", "path_filestat_set_times": "iiiiIIi",
		"path_link": "iiiiiii", "path_open": "iiiiiIIii", "path_readlink": "iiiiii",
		"path_remove_directory": "iii", "path_rename": "iiiiii", "path_symlink": "iiiii", "path_unlink_file": "iii",
		"poll_oneoff": "iiii", "proc_exit": "i", "proc_raise": "i", "sched_yield": "", "random_get": "ii",
		"sock_accept": "iii", "sock_recv": "iiiiii", "sock_send": "iiiii", "sock_shutdown": "ii",
	}
	functions := make(map[string]FuncType, len(params))
	for name, letters := range params {
		t := FuncType{Results: []ValueType{I32}}
		if name == "proc_exit" {
			t.Results = nil
		}
		for _, c := range letters {
			if c == 'I' {
				t.Params = append(t.Params, I64)
			} else {
				t.Params = append(t.Params, I32)
			}
		}
		functions[name] = t
	}
	return functions
}()
